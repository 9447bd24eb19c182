"""Which variables may be filled. Refused are names that change how programs are loaded, how shells start,
which commands other programs run, or where connections go and whom they trust: whoever can set one of
those through a definition or a project file runs code in the user's name.

Sources: glibc's list for set-user-id programs (sysdeps/generic/unsecvars.h), sudo's `initial_badenv_table`
(plugins/sudoers/env.c), bash(1), zshparam(1), and the manuals of the runtimes named. What is left out on
purpose: credentials (`NODE_AUTH_TOKEN`, `UV_PUBLISH_TOKEN`, `DOCKER_AUTH_CONFIG`, `GITHUB_TOKEN`), hosts of
one service (`GITLAB_HOST`), and locale and time zone, which people set with good reason.

Names are compared without regard to case: curl reads `http_proxy`, npm `npm_config_*`, and in zsh `path`
is PATH.
"""

from __future__ import annotations

from authsome_env.errors import NotAllowed, UsageError
from authsome_env.model import is_variable_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

# Each: what the names do, and the names. A star stands for the rest of the name, before or after.
_REFUSED = (
    (
        "changes how programs are found and loaded",
        """PATH LD_* DYLD_* _RLD* LIBPATH SHLIB_PATH LIBRARY_PATH COMPILER_PATH GCC_EXEC_PREFIX PKG_CONFIG*
        NIX_LD* GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH NLSPATH PATH_LOCALE MALLOC_* TZDIR TERMINFO
        TERMINFO_DIRS TERMPATH TERMCAP QT_PLUGIN_PATH GTK_MODULES GTK_PATH GIO_MODULE_DIR""",
    ),
    (
        "changes how shells start and what they take for commands",
        """ENV BASH* SHELL SHELLOPTS IFS CDPATH GLOBIGNORE EXECIGNORE FUNCNEST POSIXLY_CORRECT HISTFILE
        INPUTRC MAILPATH PROMPT_COMMAND PROMPT_DIRTRIM PROMPT PROMPT2 PROMPT3 PROMPT4 RPROMPT RPROMPT2 RPS1
        RPS2 SPROMPT PS0 PS1 PS2 PS3 PS4 ZDOTDIR FPATH MODULE_PATH NULLCMD READNULLCMD TMPPREFIX
        FISH_FUNCTION_PATH FISH_COMPLETE_PATH FISH_USER_PATHS FISH_TRACE
        UID EUID GID EGID PPID STATUS OPTIND OPTARG _""",
    ),
    (
        "decides which files are read as configuration",
        """HOME XDG_* NETRC CURL_HOME WGETRC KUBECONFIG GNUPGHOME HGRCPATH VIMINIT EXINIT AUTHSTATE
        KRB5_CONFIG KRB5_KTNAME KRB5CCNAME AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE CLOUDSDK_CONFIG
        DOCKER_CONFIG NPM_CONFIG_* PIP_* CARGO_HOME RUSTUP_* ANSIBLE_*""",
    ),
    (
        "names a command that other programs run, or its options",
        """EDITOR VISUAL PAGER BROWSER FCEDIT *_EDITOR *_PAGER *_BROWSER MANPAGER HGEDITOR *ASKPASS
        *_ASKPASS_REQUIRE LESS LESS_* LESSOPEN LESSCLOSE LESSKEY* GIT_* RSYNC_RSH CVS_RSH SVN_SSH SUDO_*
        MAKEFLAGS GNUMAKEFLAGS MFLAGS MAKEFILES TAR_OPTIONS GREP_OPTIONS CC CXX CPP LD RUSTC RUSTC_*
        CARGO_BUILD_* CARGO_TARGET_* CLOUDSDK_PYTHON*""",
    ),
    (
        "makes a language's runtime load or run code",
        """PYTHON* PYENV_* VIRTUAL_ENV PERL5* PERL_* PERLIO* PERLLIB PERLDB* RUBY* GEM_HOME GEM_PATH
        BUNDLE_GEMFILE NODE_OPTIONS NODE_PATH NODE_REPL_* NODE_V8_COVERAGE NODE_ICU_DATA
        NODE_REDIRECT_WARNINGS BUN_* DENO_DIR JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JAVA_OPTS
        JAVA_HOME CLASSPATH MAVEN_OPTS GRADLE_OPTS SBT_OPTS PHPRC PHP_INI_SCAN_DIR LUA_* TCLLIBPATH
        TCL_LIBRARY R_PROFILE* R_ENVIRON* R_LIBS* R_HOME ERL_* ELIXIR_ERL_OPTIONS JULIA_* OCAMLRUNPARAM
        DOTNET_* CORECLR_* COR_* COMPLUS_* GOFLAGS GOROOT GOPATH GOENV GOTOOLCHAIN GODEBUG RUSTFLAGS
        RUSTDOCFLAGS""",
    ),
    (
        "changes where connections go or whom they trust",
        """*_PROXY SSL_CERT_* SSL_DIR SSLKEYLOGFILE OPENSSL_* GNUTLS_* *_CA_BUNDLE CURL_SSL_BACKEND
        NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED DENO_CERT DENO_TLS_CA_STORE HOSTALIASES
        LOCALDOMAIN RES_OPTIONS RESOLV_* NIS_PATH GOPROXY GONOSUMDB GONOSUMCHECK GOINSECURE GOSUMDB
        AWS_ENDPOINT_URL* CLOUDSDK_PROXY_* DOCKER_HOST DOCKER_CERT_PATH SSH_AUTH_SOCK DBUS_*
        DEBUGINFOD_URLS""",
    ),
    ("belongs to authsome itself", "AUTHSOME_*"),
)


_WORDS = " ".join(names for _, names in _REFUSED).split()
_EXACT = frozenset(_WORDS)
_PREFIXES = tuple(word[:-1] for word in _WORDS if word[-1] == "*")
_SUFFIXES = tuple(word[1:] for word in _WORDS if word[0] == "*")


def check_variable(name: str, exceptions: Collection[str] = ()) -> None:
    """Raises UsageError if no shell would take `name` as a variable, NotAllowed if it is refused.

    `exceptions`: refused names that the definition may fill all the same (bundled ones only).
    """
    if not is_variable_name(name):
        raise UsageError(
            f"{name[:64]!a} cannot be the name of a variable",
            "use letters, digits and underscores, and do not begin with a digit",
        )
    upper = name.upper()
    if (
        upper in _EXACT or upper.startswith(_PREFIXES) or upper.endswith(_SUFFIXES)
    ) and name not in exceptions:
        raise NotAllowed(
            f"the variable {name} is refused: it {_reason(upper)}",
            "fill a variable that only holds a credential or a setting of the service, such as GITHUB_TOKEN",
        )


def _reason(upper: str) -> str:
    for why, names in _REFUSED:
        for name in names.split():
            if (
                upper == name
                or (name[-1] == "*" and upper.startswith(name[:-1]))
                or (name[0] == "*" and upper.endswith(name[1:]))
            ):
                return why
    raise AssertionError(upper)
