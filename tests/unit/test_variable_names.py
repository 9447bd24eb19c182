"""Which variables may be filled."""
# ruff: noqa: SIM905 - a list of names reads best as words

import pytest

from authsome_env.errors import NotAllowed, UsageError
from authsome_env.providers.names import check_variable

REFUSED = """
    PATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH LOCPATH MALLOC_TRACE
    GLIBC_TUNABLES TERMINFO ENV BASH_ENV BASHOPTS BASH_FUNC_ls SHELLOPTS IFS PS4 PROMPT_COMMAND ZDOTDIR FPATH
    SHELL CDPATH HOME XDG_CONFIG_HOME NPM_CONFIG_SCRIPT_SHELL PIP_INDEX_URL KUBECONFIG AWS_CONFIG_FILE
    EDITOR VISUAL PAGER BROWSER GH_PAGER SUDO_EDITOR GH_BROWSER SSH_ASKPASS SUDO_ASKPASS LESSOPEN MAKEFLAGS
    GIT_SSH_COMMAND GIT_ASKPASS GIT_CONFIG_COUNT GIT_TOKEN PYTHONPATH PYTHONSTARTUP PERL5OPT PERL5LIB
    PERLLIB RUBYOPT RUBYLIB NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH
    LUA_INIT DOTNET_STARTUP_HOOKS CORECLR_PROFILER RUSTC_WRAPPER HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE OPENSSL_CONF CURL_CA_BUNDLE REQUESTS_CA_BUNDLE AWS_CA_BUNDLE
    NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED HOSTALIASES RES_OPTIONS AWS_ENDPOINT_URL DOCKER_HOST
    AUTHSOME_HOME AUTHSOME_MASTER_KEY AUTHSOME_RUN UID _
""".split()

# Some of these begin as a refused family does.
ALLOWED = """
    GITHUB_TOKEN GITLAB_TOKEN GITLAB_HOST GITEA_TOKEN GH_TOKEN GOOGLE_API_KEY OPENAI_API_KEY NODE_AUTH_TOKEN
    NPM_TOKEN UV_PUBLISH_TOKEN DOCKER_AUTH_CONFIG CARGO_REGISTRY_TOKEN GEM_HOST_API_KEY TWINE_PASSWORD
    AWS_ACCESS_KEY_ID AWS_REGION TF_TOKEN_app_terraform_io PROMPTLAYER_API_KEY FISH_AUDIO_API_KEY
    ENVIRONMENT PATHFINDER_KEY HOMEBREW_GITHUB_API_TOKEN SHELLY_TOKEN LDAP_PASSWORD PROXY_TOKEN TZ LC_ALL
    DEBUG X_ACCESS_TOKEN OPENAI_BASE_URL CLOUDSDK_AUTH_ACCESS_TOKEN _TOKEN GLAB_IS_OAUTH2
""".split()


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_changes_how_things_are_run_is_refused(name):
    with pytest.raises(NotAllowed) as caught:
        check_variable(name)
    assert name in caught.value.message
    assert "such as GITHUB_TOKEN" in caught.value.hint


@pytest.mark.parametrize("name", ["http_proxy", "Https_Proxy", "path", "npm_config_userconfig", "ld_preload"])
def test_a_refused_name_is_refused_in_any_case(name):
    with pytest.raises(NotAllowed):
        check_variable(name)


@pytest.mark.parametrize("name", ALLOWED)
def test_a_name_that_holds_a_credential_or_a_setting_is_allowed(name):
    check_variable(name)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "A\0", "$A", "A;B", "A'"])
def test_what_is_no_variable_is_a_usage_error(name):
    with pytest.raises(UsageError):
        check_variable(name, exceptions=[name])


def test_an_exception_allows_one_refused_name_and_no_other():
    check_variable("GIT_TOKEN", exceptions={"GIT_TOKEN"})
    with pytest.raises(NotAllowed):
        check_variable("GIT_ASKPASS", exceptions={"GIT_TOKEN"})


def test_the_reason_says_what_the_name_does():
    with pytest.raises(NotAllowed, match="refused: it changes how programs are found and loaded"):
        check_variable("LD_PRELOAD")
    with pytest.raises(NotAllowed, match="where connections go or whom they trust"):
        check_variable("http_proxy")
    with pytest.raises(NotAllowed, match="a command that other programs run"):
        check_variable("GH_PAGER")
