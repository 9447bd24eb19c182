# Completion of authsome for fish. Static text: it starts no authsome, so it costs nothing and asks for no key.

# Three lines: the command that the cursor is at, how many arguments it has before the cursor, and which word of
# the line begins the one that `run` wraps (0: none yet).
function __authsome_line -d 'Tell where in a line of authsome the cursor is'
    set -l tokens (commandline -opc)
    set -l command
    set -l arguments 0
    set -l wrapped 0
    set -l value no
    set -l plain no
    while set -e tokens[1]; and set -q tokens[1]
        set -l token $tokens[1]
        if test $value = yes
            set value no
        else if test $plain = no; and test "$token" = --
            set plain yes
        else if test $plain = no; and string match -qr -- '^-.' $token
            contains -- $token -p --provider --map --format --key --from-env -c --connection --vault \
                --prefix --pass --drop --field --min-ttl --flow --scopes --base-url --port --client-id \
                --search --deliver --path --dotenv-for --on-expiry --grace
            and set value yes
        else
            switch "$command"
                case '' provider client vault
                    set command (string trim -- "$command $token")
                    set plain no
                case run
                    set wrapped (math (count (commandline -opc)) - (count $tokens) + 1)
                    break
                case '*'
                    set arguments (math $arguments + 1)
            end
        end
    end
    printf '%s\n' "$command" $arguments $wrapped
end

function __authsome_at -d 'Whether the cursor is at this command, and not in the line that it wraps'
    set -l line (__authsome_line)
    test "$line[1]" = "$argv"; and test $line[3] = 0
end

function __authsome_first -d 'Whether this command has no argument yet'
    set -l line (__authsome_line)
    test "$line[1]" = "$argv"; and test $line[2] = 0
end

function __authsome_everywhere -d 'Whether the cursor is not in a line that is wrapped'
    set -l line (__authsome_line)
    test $line[3] = 0
end

function __authsome_run -d 'Complete the line that run wraps'
    set -l wrapped (__authsome_line)[3]
    set -l current (commandline -ct)
    if test $wrapped = 0
        string match -q -- '-*' $current; or complete -C "$current"
    else
        set -l tokens (commandline -opc)
        complete -C (string join ' ' -- (string escape -- $tokens[$wrapped..-1]) $current)
    end
end

function __authsome_providers
    set -l names ahrefs airtable airtable-token anthropic apify apollo asana asana-token ashby assemblyai atlassian \
        auth0 aws azure azure-openai bedrock beehiiv bitbucket box brave-search brevo browserbase \
        buildkite calendly cerebras circleci clickup clickup-oauth cloudflare codecov cohere \
        confluence crates-io datadog deepgram deepseek digitalocean digitalocean-token discord \
        discord-bot docker-hub dropbox dub e2b elevenlabs exa expo fal figma firecrawl fireworks fly \
        gemini gitea gitea-token github github-app github-mcp github-pat gitlab gitlab-pat google \
        google-admin google-analytics google-calendar google-chat google-classroom google-docs \
        google-drive google-forms google-gmail google-meet google-photos google-search-console \
        google-sheets google-slides google-tasks google-vertex-ai google-youtube grafana groq heroku \
        heroku-token honeycomb hubspot hubspot-token huggingface huggingface-token hunter instantly \
        intercom jina jira jira-api-token klaviyo klaviyo-oauth langsmith lemlist linear linear-mcp \
        linear-token mailchimp microsoft mistral modal monday monday-token neon netlify \
        netlify-token newrelic notion notion-mcp notion-token npm nvidia okta openai openrouter \
        pagerduty pagerduty-oauth perplexity pinecone posthog postmark pulumi pypi railway \
        railway-project reddit render replicate resend rubygems runpod salesforce sendgrid sentry \
        sentry-mcp sentry-token serpapi serper shopify slack slack-token slack-user snyk sonarqube \
        spotify square stability stripe supabase supabase-project supabase-token tavily telegram \
        terraform-cloud todoist todoist-token together trello twilio twitch typeform vercel voyage \
        wandb x xai zoom
    printf '%s\n' $names
end

function __authsome_mappings -d 'VAR=REF'
    set -l variable (string match -r -- '^(?:--map=)?([A-Za-z_][A-Za-z0-9_]*=)' (commandline -ct))
    and printf '%s\n' "$variable[2]"(__authsome_providers)
end

function __authsome_variables -d '[FIELD=]VAR'
    set -l field (string match -r -- '^(?:--from-env=)?([A-Za-z0-9_-]+=)' (commandline -ct))
    printf '%s\n' "$field[2]"(set -nx)
end

complete -c authsome -f
complete -c authsome -n __authsome_everywhere -l vault -x -d 'use this vault instead of the default one'
complete -c authsome -n __authsome_everywhere -l json -d 'print JSON, errors too'
complete -c authsome -n __authsome_everywhere -l quiet -d 'print no confirmations, and not what is left out'
complete -c authsome -n __authsome_everywhere -l no-color -d 'print no colors'
complete -c authsome -n __authsome_everywhere -l verbose -d 'show where an unexpected error arose'
complete -c authsome -n __authsome_everywhere -l no-input -d 'never ask, never open a browser'
complete -c authsome -n __authsome_everywhere -s h -l help -d 'show this help'

complete -c authsome -n __authsome_at -a run -d 'run a command with its variables'
complete -c authsome -n __authsome_at -a env -d 'print the variables for a shell, a file or a CI system'
complete -c authsome -n __authsome_at -a token -d 'print one fresh token or field'
complete -c authsome -n __authsome_at -a export -d 'print the variables of one connection'
complete -c authsome -n __authsome_at -a ps -d 'list the commands that run with fresh variables'
complete -c authsome -n __authsome_at -a login -d 'log in, and save the connection'
complete -c authsome -n __authsome_at -a list -d 'list the connections of all providers'
complete -c authsome -n __authsome_at -a inspect -d 'show a provider and its connections'
complete -c authsome -n __authsome_at -a get -d 'show what is known of one connection'
complete -c authsome -n __authsome_at -a check -d 'fail if a connection is not usable for some time'
complete -c authsome -n __authsome_at -a refresh -d 'refresh a token now'
complete -c authsome -n __authsome_at -a set-default -d 'choose a provider\'s default connection'
complete -c authsome -n __authsome_at -a rename -d 'rename a connection'
complete -c authsome -n __authsome_at -a logout -d 'delete a connection here; the provider is not told'
complete -c authsome -n __authsome_at -a revoke -d 'revoke at the provider, and delete here'
complete -c authsome -n __authsome_at -a init -d 'choose where the master key is kept'
complete -c authsome -n __authsome_at -a whoami -d 'show the vault, its owner and its key source'
complete -c authsome -n __authsome_at -a provider -d 'list, show, add, remove and test definitions'
complete -c authsome -n __authsome_at -a client -d 'set, show and remove a provider\'s OAuth client'
complete -c authsome -n __authsome_at -a vault -d 'list, create, use, remove, lock, unlock and rekey vaults'
complete -c authsome -n __authsome_at -a demo -d 'take a tour that needs no account'

complete -c authsome -n '__authsome_at provider' -a list -d 'list the definitions'
complete -c authsome -n '__authsome_at provider' -a show -d 'tell how to log in there, and what it fills'
complete -c authsome -n '__authsome_at provider' -a add -d 'register a definition from a file'
complete -c authsome -n '__authsome_at provider' -a remove -d 'remove a registered definition'
complete -c authsome -n '__authsome_at provider' -a test -d 'look for mistakes in a definition'

complete -c authsome -n '__authsome_at client' -a set -d 'keep a provider\'s OAuth client'
complete -c authsome -n '__authsome_at client' -a show -d 'show a provider\'s OAuth client'
complete -c authsome -n '__authsome_at client' -a remove -d 'remove a provider\'s OAuth client'

complete -c authsome -n '__authsome_at vault' -a list -d 'list the vaults'
complete -c authsome -n '__authsome_at vault' -a create -d 'create a vault'
complete -c authsome -n '__authsome_at vault' -a use -d 'make a vault the default one'
complete -c authsome -n '__authsome_at vault' -a remove -d 'delete a vault and all that is in it'
complete -c authsome -n '__authsome_at vault' -a lock -d 'forget the key until the next unlock'
complete -c authsome -n '__authsome_at vault' -a unlock -d 'lift the lock'
complete -c authsome -n '__authsome_at vault' -a rekey -d 'seal a vault under a new master key'

complete -c authsome -n __authsome_at -l version -d 'print the version'

complete -c authsome -n '__authsome_at run' -s p -l provider -x -a '(__authsome_providers)' -d 'use this connection, provider[:connection]'
complete -c authsome -n '__authsome_at run' -l all -d 'use the default connection of every connected provider'
complete -c authsome -n '__authsome_at run' -l none -d 'use no connection but those of --map'
complete -c authsome -n '__authsome_at run' -l map -x -a '(__authsome_mappings)' -d 'fill this variable from that connection or field'
complete -c authsome -n '__authsome_at run' -l prefix -x -d 'put this before the name of every variable'
complete -c authsome -n '__authsome_at run' -l pass -x -d 'inherit only the essentials and what matches'
complete -c authsome -n '__authsome_at run' -l drop -x -d 'do not inherit what matches'
complete -c authsome -n '__authsome_at run' -l clean -d 'inherit only the essentials (PATH, HOME, TERM, …)'
complete -c authsome -n '__authsome_at run' -l keep-existing -d 'let inherited variables win over injected ones'
complete -c authsome -n '__authsome_at run' -l deliver -x -a 'env dotenv fifo files' -d 'give the variables by env (the default), dotenv, fifo or files'
complete -c authsome -n '__authsome_at run' -l path -r -F -d 'make this a symlink to what is delivered'
complete -c authsome -n '__authsome_at run' -l live -d 'let Python, Node and bash -c see refreshed values in their environment'
complete -c authsome -n '__authsome_at run' -l no-helpers -d 'let git, AWS and Docker not ask this run for credentials'
complete -c authsome -n '__authsome_at run' -l on-expiry -x -a 'refresh restart stop signal:HUP' -d 'refresh (the default), restart, stop, or signal:NAME'
complete -c authsome -n '__authsome_at run' -l grace -x -d 'from TERM to KILL at a restart or stop, 10s if unstated'
complete -c authsome -n '__authsome_at run' -l mask -d 'show *** in its output where a secret of this run would be'
complete -c authsome -n '__authsome_at run' -l min-ttl -x -d 'refresh first what has less left, as in 5m'
complete -c authsome -n '__authsome_at run' -l dotenv-for -x -a 'docker systemd' -d 'write the file for docker or systemd instead of most readers'
complete -c authsome -n '__authsome_at run' -l strict -d 'fail where a connection would be left out with a warning'
complete -c authsome -n '__authsome_at run' -l explain -d 'print what the command would get instead of running it'

complete -c authsome -n '__authsome_at env' -l format -x -a 'sh bash zsh fish powershell dotenv json github gitlab docker systemd' -d 'sh bash zsh fish powershell dotenv json github gitlab docker systemd; else the calling shell\'s'
complete -c authsome -n '__authsome_at env' -s p -l provider -x -a '(__authsome_providers)' -d 'use this connection, provider[:connection]'
complete -c authsome -n '__authsome_at env' -l all -d 'use the default connection of every connected provider'
complete -c authsome -n '__authsome_at env' -l none -d 'use no connection but those of --map'
complete -c authsome -n '__authsome_at env' -l map -x -a '(__authsome_mappings)' -d 'fill this variable from that connection or field'
complete -c authsome -n '__authsome_at env' -l prefix -x -d 'put this before the name of every variable'
complete -c authsome -n '__authsome_at env' -l strict -d 'fail where a connection would be left out with a warning'
complete -c authsome -n '__authsome_at env' -l quoted -d 'print for eval "$(…)", which every value survives in sh too'
complete -c authsome -n '__authsome_at env' -l unset -d 'print what removes the variables again'
complete -c authsome -n '__authsome_at env' -l to-artifact -d 'agree that gitlab stores the report as a downloadable artifact'
complete -c authsome -n '__authsome_at env' -l show-secret -d 'print the values on a terminal too'

complete -c authsome -n '__authsome_at export' -s c -l connection -x -d 'this connection instead of the default one'
complete -c authsome -n '__authsome_at export' -l format -x -a 'sh bash zsh fish powershell dotenv json github gitlab docker systemd' -d 'as in `authsome env`; else the calling shell\'s'
complete -c authsome -n '__authsome_at export' -l prefix -x -d 'put this before the name of every variable'
complete -c authsome -n '__authsome_at export' -l quoted -d 'print for eval "$(…)", which every value survives in sh too'
complete -c authsome -n '__authsome_at export' -l to-artifact -d 'agree that gitlab stores the report as a downloadable artifact'
complete -c authsome -n '__authsome_at export' -l show-secret -d 'print secrets instead of ***'

complete -c authsome -n '__authsome_at login' -s c -l connection -x -d 'the name to save it under'
complete -c authsome -n '__authsome_at login' -l flow -x -a 'pkce device_code dcr_pkce client_credentials jwt_bearer token_exchange' -d 'log in this way; `authsome provider show P` lists them'
complete -c authsome -n '__authsome_at login' -l scopes -x -d 'ask for these scopes instead of the definition\'s'
complete -c authsome -n '__authsome_at login' -l base-url -x -d 'the provider at your own place, as GitHub Enterprise'
complete -c authsome -n '__authsome_at login' -l port -x -d 'the browser comes back to this port'
complete -c authsome -n '__authsome_at login' -l no-browser -d 'open no browser: print the URL, and take what is pasted'
complete -c authsome -n '__authsome_at login' -l force -d 'create or overwrite it, and make it the default'
complete -c authsome -n '__authsome_at login' -l stdin -d 'read the key from stdin; JSON if there are several fields'
complete -c authsome -n '__authsome_at login' -l from-env -x -a '(__authsome_variables)' -d 'take a field from this variable'

complete -c authsome -n '__authsome_at list' -l all -d 'also providers without a connection'

complete -c authsome -n '__authsome_at inspect' -s c -l connection -x -d 'show this connection alone'

complete -c authsome -n '__authsome_at get' -s c -l connection -x -d 'this connection instead of the default one'
complete -c authsome -n '__authsome_at get' -l field -x -d 'print this alone: status, account, …, or a secret\'s name'
complete -c authsome -n '__authsome_at get' -l show-secret -d 'print secrets instead of ***'

complete -c authsome -n '__authsome_at check' -l min-ttl -x -d 'good for at least this long, as in 1h'

complete -c authsome -n '__authsome_at refresh' -s c -l connection -x -d 'this connection instead of the default one'
complete -c authsome -n '__authsome_at refresh' -l force -d 'also after a request without an answer, or when asked to wait'

complete -c authsome -n '__authsome_at logout' -s c -l connection -x -d 'this connection instead of the default one'
complete -c authsome -n '__authsome_at logout' -l all -d 'all connections of the provider'

complete -c authsome -n '__authsome_at revoke' -s c -l connection -x -d 'this connection instead of the default one'
complete -c authsome -n '__authsome_at revoke' -s y -l yes -d 'do not ask'

complete -c authsome -n '__authsome_at init' -l key -x -a 'keyring file passphrase variable' -d 'keyring, file, passphrase or variable (AUTHSOME_MASTER_KEY)'

complete -c authsome -n '__authsome_at provider list' -l search -x -d 'show those that have to do with this word'
complete -c authsome -n '__authsome_at provider add' -l replace -d 'also in the place of one that exists'

complete -c authsome -n '__authsome_at provider test' -l online -d 'also ask its endpoints, with nothing but a made-up client'
complete -c authsome -n '__authsome_at client set' -l client-id -x -d 'the client id, which is no secret'
complete -c authsome -n '__authsome_at client set' -l stdin -d 'read the secret from stdin, or both as JSON'
complete -c authsome -n '__authsome_at client set' -l from-env -x -a '(__authsome_variables)' -d 'take a field from this variable'
complete -c authsome -n '__authsome_at client set' -l no-browser -d 'open no browser: print the URL, and take what is pasted'

complete -c authsome -n '__authsome_at client remove' -s y -l yes -d 'do not ask'

complete -c authsome -n '__authsome_at vault create' -l key -x -a 'keyring file passphrase variable' -d 'keyring, file, passphrase or variable (AUTHSOME_MASTER_KEY)'

complete -c authsome -n '__authsome_at vault remove' -s y -l yes -d 'do not ask'

complete -c authsome -n '__authsome_at vault rekey' -l key -x -a 'keyring file passphrase variable' -d 'keyring, file, passphrase or variable (AUTHSOME_MASTER_KEY)'

complete -c authsome -n 'test (__authsome_line)[1] = run' -a '(__authsome_run)'
complete -c authsome -n '__authsome_first provider add' -F
complete -c authsome -n '__authsome_at check' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first token' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first export' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first login' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first inspect' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first get' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first set-default' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first rename' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first logout' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first refresh' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first revoke' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first client set' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first client show' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first client remove' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first provider show' -a '(__authsome_providers)'
complete -c authsome -n '__authsome_first provider test' -a '(__authsome_providers)'
