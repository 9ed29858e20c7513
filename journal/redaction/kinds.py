"""Recognises secrets by their own form: by the prefixes that their issuers give them.

Every match of a kind contains one of its `markers`, in the same case unless the pattern says
otherwise. A pattern begins at a marker, or a fixed length before it, and reads one run of
characters. So the time of all matches is linear.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from journal.redaction.spans import Span
from journal.redaction.values import FILLER, is_random

_AFTER = r"(?<=\\[nrt])|(?<=%[0-9A-F]{2})|(?<=[\[;]\dm)|(?<=[\[;]\d\dm)"
START = rf"(?:(?<![A-Za-z0-9])|{_AFTER})"
_LABEL = r"(?:[A-Z0-9]+ )*(?:PRIVATE|SECRET) KEY(?: BLOCK)?-----"
_LINE_END = r"(?:\\+[nr]|[ \t]*[\r\n]+[ \t]*)"
_CUT_BODY = (  # of a key whose end is not there
    rf"{_LINE_END}+(?:(?:Proc-Type|DEK-Info|Comment|Version):[^\n\\]*+{_LINE_END}+)*+"
    rf"[A-Za-z0-9+/=]{{6,}}+(?:(?:{_LINE_END}|[ ])++[A-Za-z0-9+/=]{{4,}}+)*+"
)


class Shape(NamedTuple):
    """The form of a kind of secret. If `random`, a match must also look random."""

    kind: str
    markers: tuple[str, ...]
    pattern: str
    random: bool = False
    inside: bool = False
    """Whether the secret begins at the first marker within the match."""

    def find(self, text: str) -> Iterator[Span]:
        """The places of such secrets in a text: the group `secret`, or the whole match."""
        for match in _compiled(self.pattern).finditer(text):
            group = "secret" if "secret" in match.re.groupindex else 0
            if FILLER.search(match[group], 0, 64):
                continue
            if not self.random or is_random(match[group]):
                start, end = match.span(group)
                if self.inside:
                    start = text.index(self.markers[0], start, end)
                yield Span(start, end, self.kind)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first needed: all together take milliseconds, and few states need one."""
    return re.compile(pattern, re.ASCII | re.DOTALL)


def _token(kind: str, prefixes: str, run: str, *, random: bool = False) -> Shape:
    """Secrets that consist of one of these prefixes and a run of characters."""
    markers = tuple(prefixes.split())
    either = "|".join(map(re.escape, markers))
    return Shape(kind, markers, rf"{START}(?:{either}){run}", random)


SHAPES = (
    _token("anthropic-key", "sk-ant-", r"[\w-]{16,}"),
    _token("openrouter-key", "sk-or-", r"[\w-]{20,}"),
    _token("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", r"[\w-]{16,}"),
    Shape(
        "openai-key",
        ("sk-",),
        rf"(?:(?<![A-Za-z0-9_-])|{_AFTER})sk-[\w-]{{20,}}",
        random=True,
    ),
    _token("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[A-Za-z0-9]{10,}"),
    _token("webhook-secret", "whsec_", r"[A-Za-z0-9+/=]{16,}"),
    _token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{20,}"),
    _token("github-token", "github_pat_", r"\w{20,}"),
    _token(
        "gitlab-token",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glsoat- glimt- glagent- gloas- glffct- glwt-",
        r"[\w.-]{16,}",
    ),
    _token("aws-key", "AKIA ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("aws-key", "ABSKQmVkcm9ja0FQSUtleS", r"[\w+/=]{20,}"),
    _token("google-key", "AIza", r"[\w-]{35,}"),
    _token("google-key", "ya29.", r"[\w.-]{20,}"),
    _token("google-key", "GOCSPX-", r"[\w-]{20,}"),
    _token(
        "slack-token",
        "xapp- xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xoxc- xoxd-",
        r"[\w%/+=-]{10,}",
    ),
    _token("slack-token", "xoxe.xoxp- xoxe.xoxb-", r"[\w-]{10,}"),
    Shape(
        "slack-webhook",
        ("hooks.slack.com/",),
        r"hooks\.slack\.com/(?P<secret>(?:services|workflows|triggers)/[\w/-]{20,})",
    ),
    Shape(
        "discord-webhook",
        ("/webhooks/",),
        r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{5,}/(?P<secret>[\w-]{30,})",
    ),
    Shape(
        "discord-token",
        (".G", ".X", ".Y", ".Z"),
        r"(?<![\w.-])[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,45}(?![\w.-])",
        random=True,
    ),
    Shape(
        "telegram-token",
        (":AA",),
        r"(?<![A-Za-z0-9_-])(?:bot)?(?P<secret>\d{8,10}:AA[\w-]{33})(?![\w-])",
    ),
    _token("huggingface-token", "hf_ api_org_", r"[A-Za-z0-9]{30,}"),
    _token("npm-token", "npm_", r"[A-Za-z0-9]{36,}"),
    _token("pypi-token", "pypi-AgE", r"[\w-]{30,}"),
    _token("docker-token", "dckr_pat_ dckr_oat_", r"[\w-]{20,}"),
    _token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{32,}"),
    _token("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_", r"[A-Fa-f0-9]{32}"),
    _token("sendgrid-key", "SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    Shape("twilio-key", ("SK",), r"(?<![A-Za-z0-9])SK[a-f0-9]{32}(?![A-Za-z0-9])"),
    _token("databricks-token", "dapi", r"[a-f0-9]{32}(?:-\d)?"),
    _token("vault-token", "hvs. hvb. hvr.", r"[\w-]{20,}"),
    _token("linear-key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{32,}"),
    _token("notion-token", "ntn_", r"[A-Za-z0-9]{40,}"),
    _token("notion-token", "secret_", r"[A-Za-z0-9]{43}(?![A-Za-z0-9])", random=True),
    _token("groq-key", "gsk_", r"[A-Za-z0-9]{32,}"),
    _token("xai-key", "xai-", r"[A-Za-z0-9]{40,}"),
    _token("perplexity-key", "pplx-", r"[A-Za-z0-9]{32,}"),
    _token("replicate-token", "r8_", r"[A-Za-z0-9]{30,}"),
    _token("tavily-key", "tvly-", r"[\w-]{20,}", random=True),
    _token("langsmith-key", "lsv2_pt_ lsv2_sk_", r"[a-f0-9]{32}_[a-f0-9]{10}"),
    _token("supabase-key", "sbp_ sb_secret_", r"[A-Za-z0-9_-]{24,}"),
    _token("vercel-token", "vercel_blob_rw_ vcp_ vck_ vci_ vca_ vcr_", r"[\w-]{24,}", random=True),
    _token("figma-token", "figd_ figo_ figp_", r"[\w-]{36,}"),
    _token("atlassian-token", "ATATT3 ATCTT3 ATBB ATOA", r"[\w=-]{20,}", random=True),
    _token("age-key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{40,}"),
    _token("nvidia-key", "nvapi-", r"[\w-]{40,}"),
    _token("fireworks-key", "fw_", r"[A-Za-z0-9]{22,}", random=True),
    _token("runpod-key", "rpa_", r"[A-Za-z0-9]{36,}"),
    _token("onepassword-token", "ops_eyJ", r"[\w-]{60,}"),
    _token("posthog-key", "phx_", r"[A-Za-z0-9]{36,}"),
    _token("sentry-token", "sntrys_ sntryu_", r"[\w+/=-]{40,}"),
    _token("grafana-token", "glsa_ glc_", r"[\w+/=-]{32,}"),
    _token("tailscale-key", "tskey-", r"[a-z]+-[\w-]{16,}"),
    _token("pulumi-token", "pul-", r"[a-f0-9]{40}"),
    _token("jina-key", "jina_", r"[A-Za-z0-9_-]{40,}"),
    _token("firecrawl-key", "fc-", r"[a-f0-9]{32}"),
    _token("e2b-key", "e2b_", r"[a-f0-9]{40}"),
    _token("cerebras-key", "csk-", r"[a-z0-9]{40,}"),
    _token("postman-key", "PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}"),
    _token("newrelic-key", "NRAK-", r"[A-Z0-9]{27}"),
    _token("planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.-]{32,}"),
    _token("doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{36,}"),
    Shape(
        "terraform-token",
        (".atlasv1.",),
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}",
    ),
    _token("rubygems-key", "rubygems_", r"[a-f0-9]{48}"),
    _token("heroku-key", "HRKU-", r"[\w-]{36,}"),
    _token("mailgun-key", "key-", r"[a-f0-9]{32}(?![A-Za-z0-9])"),
    _token("mailchimp-key", "mc_", r"[a-f0-9]{32}"),
    _token("cloudflare-token", "cfut_ cfat_ cfk_", r"[\w-]{36,}"),
    _token("square-token", "EAAA sq0csp- sq0atp-", r"[\w-]{22,}", random=True),
    _token("dynatrace-token", "dt0c01.", r"[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _token("easypost-key", "EZAK EZTK", r"[A-Za-z0-9]{54}"),
    _token("buildkite-token", "bkua_", r"[a-z0-9]{40}"),
    _token("circleci-token", "CCIPAT_", r"[\w-]{20,}"),
    _token("artifactory-key", "AKCp", r"[A-Za-z0-9]{60,}"),
    _token("netlify-token", "nfp_", r"[A-Za-z0-9]{36,}"),
    _token("pinecone-key", "pcsk_", r"\w{50,}"),
    _token("fly-token", "fm2_ fo1_", r"[\w+/=-]{40,}"),
    _token("codecov", "ccpat_", r"[\w-]{30,}"),
    Shape(
        "azure-key",
        ("AccountKey=", "SharedAccessKey=", "AzureWebJobs"),
        r"(?i:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{20,}={0,2})",
    ),
    Shape("azure-key", ("8Q~",), r"(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{31,34}(?![\w~.-])"),
    Shape(
        "jwt",
        ("eyJ",),
        r"(?<![\w-])[\w-]{8,}+\.eyJ[\w-]{5,}+(?:\.[\w-]*+)?",
        inside=True,
    ),
    Shape("jwt", ("eyJ",), r"(?<![\w-])eyJ[\w-]{10,}\.\.?[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
    Shape(
        "private-key",
        ("-----BEGIN",),
        rf"-----BEGIN {_LABEL}(?!\\*[\"'`][^-]{{0,80}}-----END)(?:(?:[^-]|-(?!----))*+-----END {_LABEL}|{_CUT_BODY})",
    ),
    Shape(
        "private-key",
        ("PuTTY-User-Key-File",),
        r"Private-Lines: \d+\s*(?P<secret>(?:[A-Za-z0-9+/=]+\s*)+)",
    ),
)
