"""The patterns of the bundled definitions: keys of the form that each service gives are taken, others not.

The forms are written here a second time, independent of the patterns; the keys are drawn at run time.
"""

import random
import re
import string

import pytest

from authsome_env.app.fields import check_field
from authsome_env.errors import LoginFailed
from authsome_env.providers.registry import Registry

REGISTRY = Registry("/nonexistent")

ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "b": string.ascii_letters + string.digits + "-_",
    "h": string.digits + "abcdef",
    "d": string.digits,
    "U": string.ascii_uppercase + string.digits,
    "l": string.ascii_lowercase,
}
UUID = "<h8>-<h4>-<h4>-<h4>-<h12>"
URL = ("https://<l8>.example.com", "http://127.0.0.1:3000", "https://<l8>.example.com/sub/")

# Provider and field to the forms that are right; `<h32>` stands for 32 letters of the alphabet h.
GOOD = {
    "airtable-token": ["pat<a14>.<h64>"],
    "anthropic": ["sk-ant-api03-<b95>"],
    "apify": ["apify_api_<a36>"],
    "auth0#domain": ["<l8>.eu.auth0.com", "login.<l8>.org"],
    "aws#access_key_id": ["AKIA<U16>", "ASIA<U16>"],
    "aws#secret_access_key": ["<a40>", "<a20>/+<a18>"],
    "aws#region": ["eu-central-1", "us-gov-west-1", "ap-southeast-2"],
    "azure#tenant_id": [UUID],
    "azure#client_id": [UUID],
    "azure#subscription_id": [UUID],
    "azure-openai#endpoint": ["https://<l8>.openai.azure.com/", "https://<l8>.openai.azure.com"],
    "azure-openai#api_version": ["2024-10-21", "2025-01-01-preview", "v1"],
    "buildkite": ["bkua_<h40>", "<h40>"],
    "cerebras": ["csk-<a48>"],
    "clickup": ["pk_<d8>_<U32>"],
    "cloudflare#api_key": ["<b40>", "<b53>"],
    "cloudflare#account_id": ["<h32>"],
    "datadog#api_key": ["<h32>"],
    "datadog#site": ["datadoghq.com", "us5.datadoghq.com", "datadoghq.eu", "ddog-gov.com"],
    "deepseek": ["sk-<h32>"],
    "digitalocean-token": ["dop_v1_<h64>", "doo_v1_<h64>", "<h64>"],
    "docker-hub#username": ["<l8>", "<l6><d3>", "<l4>_<l4>", "<l3>"],
    "docker-hub#token": ["dckr_pat_<b27>", "dckr_oat_<b32>", UUID],
    "dub": ["dub_<a24>", "<a24>"],
    "e2b": ["e2b_<h40>"],
    "elevenlabs": ["sk_<h48>", "<h32>"],
    "figma": ["figd_<b40>", f"<d6>-{UUID}"],
    "firecrawl": ["fc-<h32>"],
    "gemini": ["AIza<b35>", "AQ.<b50>"],
    "gitea-token#token": ["<h40>"],
    "gitea-token#url": URL,
    "github-app#app_id": ["<d6>", "Iv1.<h16>"],
    "github-app#installation_id": ["<d8>"],
    "github-mcp": ["ghp_<a36>", "github_pat_<a22>_<a59>", "gho_<a36>", "<h40>"],
    "github-pat": ["ghp_<a36>", "github_pat_<a22>_<a59>", "ghs_<a36>", "<h40>"],
    "gitlab-pat#api_key": ["glpat-<b20>", "glpat-<b27>.01.<a9>", "gldt-<b20>", "<b20>", "acme-<b20>"],
    "gitlab-pat#host": URL,
    "grafana#api_key": ["glsa_<a32>_<h8>"],
    "grafana#url": URL,
    "groq": ["gsk_<a52>"],
    "heroku-token": ["HRKU-<b60>", UUID],
    "hubspot-token": [f"pat-na1-{UUID}", f"pat-eu1-{UUID}"],
    "huggingface-token": ["hf_<a34>"],
    "jina": ["jina_<a60>"],
    "jira-api-token#site": ["https://<l8>.atlassian.net"],
    "jira-api-token#email": ["<l8>@example.com"],
    "jira-api-token#token": ["ATATT3xFfGF0<b160>=<U8>"],
    "klaviyo": ["pk_<h34>"],
    "linear-token": ["lin_api_<a40>"],
    "mailchimp#api_key": ["<h32>-us21"],
    "mailchimp#server_prefix": ["us21"],
    "modal#token_id": ["ak-<a22>"],
    "modal#token_secret": ["as-<a22>"],
    "netlify-token#api_key": ["nfp_<a36>", "<b43>"],
    "newrelic#api_key": ["NRAK-<U27>"],
    "newrelic#account_id": ["<d7>"],
    "newrelic#region": ["US", "EU"],
    "notion-token": ["ntn_<a46>", "secret_<a43>"],
    "npm": ["npm_<a36>"],
    "nvidia": ["nvapi-<b64>"],
    "okta#org_url": ["https://<l8>.okta.com", "https://<l8>.oktapreview.com"],
    "okta#org_name": ["<l8>", "dev-<d7>"],
    "okta#domain": ["okta.com", "okta-emea.com"],
    "openai": ["sk-<a48>", "sk-proj-<b120>", "sk-svcacct-<b120>"],
    "openrouter": ["sk-or-v1-<h64>"],
    "perplexity": ["pplx-<a48>"],
    "pinecone": ["pcsk_<a6>_<a63>", UUID],
    "posthog#api_key": ["phx_<a43>"],
    "posthog#host": URL,
    "postmark": [UUID, "POSTMARK_API_TEST"],
    "pulumi": ["pul-<h40>"],
    "pypi": ["pypi-AgEIcHlwaS5vcmc<b120>"],
    "render": ["rnd_<a28>"],
    "replicate": ["r8_<a37>"],
    "resend": ["re_<a8>_<a24>"],
    "rubygems": ["rubygems_<h48>"],
    "sendgrid": ["SG.<b22>.<b43>"],
    "sentry-token#api_key": ["sntrys_<b120>=_<b43>", "sntryu_<h64>", "<h64>"],
    "sentry-token#url": URL,
    "shopify#access_token": ["shpat_<h32>", "shpss_<h32>"],
    "shopify#store": ["<l8>.myshopify.com"],
    "slack-token": ["xoxb-<d12>-<d13>-<a24>", "xoxp-<d12>-<d12>-<d13>-<h32>", "xoxe.xoxb-1-<a166>"],
    "sonarqube#host": URL,
    "stripe": ["sk_live_<a24>", "sk_test_<a99>", "rk_live_<a99>"],
    "supabase-project#url": ["https://<l20>.supabase.co", "http://127.0.0.1:54321"],
    "supabase-token": ["sbp_<h40>", "sbp_oauth_<h40>"],
    "tavily": ["tvly-<a32>", "tvly-dev-<a32>"],
    "telegram": ["<d10>:AA<b33>"],
    "todoist-token": ["<h40>"],
    "trello#key": ["<h32>"],
    "twilio#account_sid": ["AC<h32>"],
    "twilio#auth_token": ["<h32>"],
    "vercel#api_key": ["<a24>", "vcp_<a56>"],
    "wandb#api_key": ["<h40>", "<b86>"],
    "wandb#host": URL,
    "xai": ["xai-<a80>"],
}

# What people paste by mistake. None of it is a key of anybody.
SLIPS = [
    "export KEY",
    "a key",
    "*" * 40,
    '"quoted"',
    "https:// example.com",
    "\N{BULLET}" * 12,
    "<your key>",
]


def patterned():
    for name in REGISTRY.names():
        definition = REGISTRY.load(name)
        assertion = definition.oauth.assertion if definition.oauth else None
        for field in (*definition.fields, *(assertion.fields if assertion else ())):
            if field.pattern is not None:
                yield (
                    (name if len(definition.fields) == 1 and not assertion else f"{name}#{field.name}"),
                    field,
                )


FIELDS = dict(patterned())


def drawn(form):
    def draw(match):
        alphabet, length = match.groups()
        return "".join(random.choices(ALPHABETS[alphabet], k=int(length)))

    return re.sub(r"<(\w)(\d+)>", draw, form).encode()


def accepts(name, value):
    try:
        check_field(FIELDS[name], value, provider=name)
    except LoginFailed:
        return False
    return True


def test_each_pattern_has_its_forms_here_and_no_other():
    assert set(GOOD) == set(FIELDS)
    assert len(FIELDS) > 80


@pytest.mark.parametrize("name", GOOD)
def test_a_key_of_the_right_form_is_taken(name):
    for form in GOOD[name]:
        key = drawn(form)
        assert accepts(name, key), form
        assert accepts(name, b" " + key + b"\n"), "blanks of the clipboard"


@pytest.mark.parametrize("name", GOOD)
def test_what_is_no_key_is_refused(name):
    for slip in SLIPS:
        assert not accepts(name, slip.encode()), slip
    key = drawn(GOOD[name][0])
    for damaged in (key + b" " + key, b"KEY= " + key, key + b"\n" + key, b'"' + key + b'"'):
        assert not accepts(name, damaged), damaged


@pytest.mark.parametrize("name", FIELDS)
def test_the_hint_is_in_words(name):
    hint = FIELDS[name].pattern_hint
    assert hint
    assert not re.search(r"\[\w-\w|\\[dsS]|[$^]", hint)


def test_a_prefix_that_tells_the_service_is_not_taken_by_another():
    """Pasting the key of one service at the login of another is the slip that patterns are for."""
    prefixed = [name for name in GOOD if re.match(r"[A-Za-z]+[-_]", GOOD[name][0]) and "#" not in name]
    same = {"github-mcp", "github-pat"}
    for name in prefixed:
        key = drawn(GOOD[name][0])
        others = {other for other in prefixed if other != name and accepts(other, key)}
        # sk- is OpenAI's and DeepSeek's whole prefix and a part of others', as pk_ is Klaviyo's.
        assert others <= (same if name in same else {"openai", "deepseek", "klaviyo"}), name
