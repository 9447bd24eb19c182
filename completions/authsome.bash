# Completion of authsome for bash 3.2 (macOS) and later, with or without bash-completion.
# Static text: it starts no authsome, so it costs nothing and asks for no key.

_authsome() { # $2: what readline will replace, which ends at the cursor
    local IFS=$' \t\n' cur=${2-} before="" lead="" line=${COMP_LINE-}
    local command="" expected="" flags="" words="" word blank
    local -i arguments=0 plain=0 count=0 i
    local -a tokens=() starts=()
    COMPREPLY=()

    # Bash cuts words at COMP_WORDBREAKS too: `github:work` are three. Those that touch are one word of ours.
    # `before` is what of the last one lies before `cur`.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        blank=${line%%[![:space:]]*}
        line=${line#"$blank"}
        if ((i == 0)) || [[ -n $blank || $line != "$word"* ]]; then
            starts[count]=$i
            tokens[count]=""
            count+=1
        fi
        line=${line#"$word"}
        if ((i == COMP_CWORD)); then
            before=${tokens[count - 1]}
            case $word in = | :) before+=$word cur="" ;; esac
        fi
        tokens[count - 1]+=$word
    done

    for ((i = 1; i < count - 1; i++)); do
        word=${tokens[i]}
        if [[ -n $expected ]]; then
            expected=""
        elif ((!plain)) && [[ $word == -- ]]; then
            plain=1
        elif ((!plain)) && [[ $word == -?* ]]; then
            _authsome_expect "$word"
        else
            case $command in
            "" | provider | client | vault) command="${command:+$command }$word" plain=0 ;;
            run) break ;;
            *) arguments+=1 ;;
            esac
        fi
    done

    word=$before$cur
    if [[ $command == run && -z $expected ]] && { ((i < count - 1 || plain)) || [[ $word != -* ]]; }; then
        _authsome_wrapped "${starts[i]}" 2>/dev/null || :
        return 0
    fi
    if [[ -n $expected ]]; then
        _authsome_value
    elif ((!plain)) && [[ $word == --*=* ]]; then
        _authsome_expect "${word%%=*}"
        _authsome_drop_name
        _authsome_value
    elif ((!plain)) && [[ $word == -* ]]; then
        _authsome_table
        words=$flags
    elif [[ -z $before ]]; then
        _authsome_table
        _authsome_argument
    fi
    for word in $words; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$lead$word")
    done
    return 0
}

_authsome_table() { # sets `words` to what may follow `command`, and `flags`
    case $command in
    "")
        words="run env token export ps login list inspect get check refresh set-default rename logout revoke init"
        words+=" whoami provider client vault demo"
        flags="--version"
        ;;
    run)
        flags="-p --provider --all --none --map --prefix --pass --drop --clean --keep-existing --strict"
        flags+=" --deliver --path --dotenv-for --live --no-helpers --on-expiry --grace --mask --min-ttl --explain"
        ;;
    env)
        flags="--format -p --provider --all --none --map --prefix --strict --quoted --unset --to-artifact"
        flags+=" --show-secret"
        ;;
    export) flags="-c --connection --format --prefix --quoted --to-artifact --show-secret" ;;
    login)
        flags="-c --connection --flow --scopes --base-url --port --no-browser --force --stdin --from-env"
        ;;
    list) flags="--all" ;;
    inspect) flags="-c --connection" ;;
    get) flags="-c --connection --field --show-secret" ;;
    check) flags="--min-ttl" ;;
    refresh) flags="-c --connection --force" ;;
    logout) flags="-c --connection --all" ;;
    revoke) flags="-c --connection -y --yes" ;;
    init | "vault create" | "vault rekey") flags="--key" ;;
    provider) words="list show add remove test" ;;
    "provider add") flags="--replace" ;;
    client) words="set show remove" ;;
    "client set") flags="--client-id --stdin --from-env --no-browser" ;;
    "client remove") flags="-y --yes" ;;
    vault) words="list create use remove lock unlock rekey" ;;
    "vault remove") flags="-y --yes" ;;
    token | ps | set-default | rename | whoami | demo) ;;
    "provider list") flags="--search" ;;
    "provider test") flags="--online" ;;
    "provider show" | "provider remove" | "client show") ;;
    "vault list" | "vault use" | "vault lock" | "vault unlock") ;;
    *) return ;;
    esac
    flags+=" --vault --json --quiet --no-color --verbose --no-input -h --help"
}

_authsome_argument() {
    case $command in
    check) expected=reference ;;
    token | export | login | inspect | get) ((arguments)) || expected=reference ;;
    set-default | rename | logout | refresh | revoke) ((arguments)) || expected=reference ;;
    "client set" | "client show" | "client remove") ((arguments)) || expected=reference ;;
    "provider show" | "provider test") ((arguments)) || expected=reference ;;
    "provider add") ((arguments)) || expected="file" ;;
    esac
    [[ -z $expected ]] || _authsome_value
}

_authsome_expect() { # FLAG: sets `expected` to what its value is, and to nothing if it takes none
    case $1 in
    -p | --provider) expected=reference ;;
    --map) expected=mapping ;;
    --format) expected=format ;;
    --key) expected=key ;;
    --from-env) expected=variable ;;
    --flow) expected=flow ;;
    --deliver) expected=delivery ;;
    --dotenv-for) expected=reader ;;
    --path) expected=file ;;
    --scopes | --base-url | --port | --client-id | --search) expected=anything ;;
    -c | --connection | --vault | --prefix | --pass | --drop | --field | --min-ttl | --on-expiry | --grace) expected=anything ;;
    *) expected="" ;;
    esac
}

_authsome_value() { # sets `words` to the values that are `expected`
    case $expected in
    mapping) _authsome_drop_name || expected="" ;;
    variable) _authsome_drop_name ;;
    esac
    [[ $before != *:* ]] || expected="" # the name of a connection
    case $expected in
    reference | mapping)
        words="ahrefs airtable airtable-token anthropic apify apollo asana asana-token ashby assemblyai atlassian
        auth0 aws azure azure-openai bedrock beehiiv bitbucket box brave-search brevo browserbase
        buildkite calendly cerebras circleci clickup clickup-oauth cloudflare codecov cohere
        confluence crates-io datadog deepgram deepseek digitalocean digitalocean-token discord
        discord-bot docker-hub dropbox dub e2b elevenlabs exa expo fal figma firecrawl fireworks fly
        gemini gitea gitea-token github github-app github-mcp github-pat gitlab gitlab-pat google
        google-admin google-analytics google-calendar google-chat google-classroom google-docs
        google-drive google-forms google-gmail google-meet google-photos google-search-console
        google-sheets google-slides google-tasks google-vertex-ai google-youtube grafana groq heroku
        heroku-token honeycomb hubspot hubspot-token huggingface huggingface-token hunter instantly
        intercom jina jira jira-api-token klaviyo klaviyo-oauth langsmith lemlist linear linear-mcp
        linear-token mailchimp microsoft mistral modal monday monday-token neon netlify
        netlify-token newrelic notion notion-mcp notion-token npm nvidia okta openai openrouter
        pagerduty pagerduty-oauth perplexity pinecone posthog postmark pulumi pypi railway
        railway-project reddit render replicate resend rubygems runpod salesforce sendgrid sentry
        sentry-mcp sentry-token serpapi serper shopify slack slack-token slack-user snyk sonarqube
        spotify square stability stripe supabase supabase-project supabase-token tavily telegram
        terraform-cloud todoist todoist-token together trello twilio twitch typeform vercel voyage
        wandb x xai zoom"
        ;;
    format) words="sh bash zsh fish powershell dotenv json github gitlab docker systemd" ;;
    key) words="keyring file passphrase variable" ;;
    delivery) words="env dotenv fifo files" ;;
    reader) words="docker systemd" ;;
    flow) words="pkce device_code dcr_pkce client_credentials jwt_bearer token_exchange" ;;
    variable) words=$(compgen -e) ;;
    file) compopt -o default 2>/dev/null || : ;; # readline's own
    esac
}

_authsome_drop_name() { # the NAME= that the word begins with; fails if there is none
    if [[ $before == *=* ]]; then
        before=${before#*=}
    elif [[ $cur == *=* ]]; then # the user took `=` out of COMP_WORDBREAKS
        lead+=${cur%%=*}=
        cur=${cur#*=}
    else
        return 1
    fi
}

_authsome_wrapped() { # INDEX: complete the command line that begins at that word
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1" # bash-completion 2.12 and later
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif (($1 < COMP_CWORD)) || [[ $cur == */* ]]; then
        compopt -o default
    else
        local name
        while read -r name; do
            [[ -z $name ]] || COMPREPLY+=("$name")
        done <<<"$(compgen -c -- "$cur")"
    fi
}

# Before bash 4 brought compopt, files are offered wherever there is nothing better, or nowhere.
if ((BASH_VERSINFO[0] < 4)); then
    complete -o default -F _authsome authsome
else
    complete -F _authsome authsome
fi
