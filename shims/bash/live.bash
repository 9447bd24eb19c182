# shellcheck shell=bash
# Keeps a bash fresh in a run with --live. BASH_ENV loads it into every bash that is not interactive.
# authsome_env/deliver/live.py tells the notation of the file that it reads.
#
# It first does what the user's own BASH_ENV says (AUTHSOME_BASH_ENV here), brings the variables up to date, and
# keeps them so by a DEBUG trap: between two commands at top level, at most once a second. Inside a function, a
# subshell or a $( ) a variable stays as it was at the last command outside, as bash hands the trap on to none of
# them without functrace, which a script would notice. A script's own DEBUG trap replaces ours.
#
# The trap costs about fifteen microseconds a command, and changes neither $? nor $_ nor what set -x shows.
#
# A variable is replaced only while it holds a value that this run delivered. No process is started but for one
# that is neither the newest value nor the last one read here: to take its SHA-256. Everything is for bash 3.2
# too, under set -eu, and silent. All names begin with __as: they are the script's guests.

# What the user's BASH_ENV says, as bash would: expanded but not split, without a search, and only if it is there.
# (bash minds no set -e before its script.) A word that expands to nothing is no command, and set -x shows none.
{
  __authsome_last=$_ __authsome_status=0
  __authsome_us=$BASH_ENV
  __authsome_own=()
  if [ "${AUTHSOME_BASH_ENV:+set}" ]; then
    declare -x BASH_ENV="$AUTHSOME_BASH_ENV"
    __authsome_file=$AUTHSOME_BASH_ENV
    # shellcheck disable=SC2088 # the tilde of a value
    case $__authsome_file in
      *[\$\`]*) eval "__authsome_file=\"${__authsome_file//\"/\\\"}\"" ;;
      "~/"*) __authsome_file=${HOME-}${__authsome_file#\~} ;;
    esac
    case $__authsome_file in */*) ;; *) __authsome_file=./$__authsome_file ;; esac
    if [ -f "$__authsome_file" ] && [ -r "$__authsome_file" ]; then __authsome_own=(. "$__authsome_file"); fi
    unset __authsome_file
  fi
} 2>/dev/null
${__authsome_own[@]+"${__authsome_own[@]}"}
{
  __authsome_status=$?
  if [ "${AUTHSOME_BASH_ENV+set}" ]; then
    # What it did to the variable holds for children, which get ours all the same.
    if [ "${BASH_ENV+set}" ]; then declare -x AUTHSOME_BASH_ENV="$BASH_ENV"; else unset AUTHSOME_BASH_ENV; fi
    declare -x BASH_ENV="$__authsome_us"
  fi
} 2>/dev/null

{
  # The function around it gets the redirection, which lasts until the locale is the script's again: bash tells
  # of one that is not installed whenever it is set.
  __authsome_look() {
    # What set -x shows goes elsewhere then, where no redirection of ours hides it: a value is not worth that.
    case $-${BASH_XTRACEFD:+!} in *x*!) return 0 ;; esac
    __authsome_read
    __authsome_arm
    return 0 # or else `shopt -s extdebug` leaves out the command
  } 2>/dev/null

  __authsome_read() {
    local LC_ALL=C IFS='' __authsome_change __authsome_names __authsome_values __authsome_head='' \
      __authsome_last='' __authsome_line='' __authsome_name='' __authsome_raw='' __authsome_value='' \
      __authsome_held='' __authsome_wanted='' __authsome_print='' __authsome_i=-1
    __authsome_change=() __authsome_names=() __authsome_values=()
    __as_at=$((__authsome_clock))
    [ -f "$__authsome_live" ] && [ -O "$__authsome_live" ] || return 0
    {
      builtin read -r __authsome_head || return 0
      [ "$__authsome_head" != "$__authsome_seen" ] || return 0
      case $__authsome_head in 'authsome-live 1 '*) ;; *) return 0 ;; esac
      while builtin read -r __authsome_line; do
        __authsome_last=$__authsome_line
        case $__authsome_line in
          =*) __authsome_variable ;;
          -*) if [ "$__authsome_wanted" ]; then __authsome_former; fi ;;
        esac
      done
    } <"$__authsome_live"
    [ "$__authsome_last" = . ] || return 0
    __authsome_seen=$__authsome_head
    for __authsome_i in "${!__authsome_values[@]}"; do
      __authsome_newest[__authsome_i]=${__authsome_values[__authsome_i]}
    done
    for __authsome_i in ${__authsome_change[@]+"${__authsome_change[@]}"}; do
      builtin printf -v "${__authsome_names[__authsome_i]}" %s "${__authsome_values[__authsome_i]}"
    done
  }

  # `=NAME=VALUE`: the variable is as it should be, or gets the value, or its fingerprint is wanted.
  __authsome_variable() {
    __authsome_wanted=''
    __authsome_name=${__authsome_line#=}
    __authsome_name=${__authsome_name%%=*}
    case $__authsome_name in '' | [0-9]* | *[!A-Za-z0-9_]* | __a* | LC_ALL | IFS) return 0 ;; esac
    __authsome_i=$((__authsome_i + 1))
    __authsome_raw=${__authsome_line:${#__authsome_name}+2}
    case $__authsome_raw in
      *\\*) builtin printf -v __authsome_value %b "$__authsome_raw" ;; # all its escapes are \\ and \n
      *) __authsome_value=$__authsome_raw ;;
    esac
    __authsome_names[__authsome_i]=$__authsome_name
    __authsome_values[__authsome_i]=$__authsome_value
    [ "${!__authsome_name+set}" ] || return 0
    __authsome_held=${!__authsome_name}
    if [ "$__authsome_held" = "$__authsome_value" ]; then
      __as=(1)
    elif [ "${__authsome_newest[__authsome_i]+set}" ] &&
      [ "$__authsome_held" = "${__authsome_newest[__authsome_i]}" ]; then
      __authsome_change+=("$__authsome_i")
    else
      __authsome_wanted=$__authsome_name __authsome_print=''
    fi
  }

  # `-NAME=SHA-256`
  __authsome_former() {
    [ "${__authsome_line%%=*}" = "-$__authsome_wanted" ] || return 0
    if [ ! "$__authsome_print" ]; then
      __authsome_print=$(builtin printf %s "$__authsome_held" | __authsome_sha256) || :
      __authsome_print=${__authsome_print%% *}-
    fi
    if [ "${__authsome_line#*=}-" = "$__authsome_print" ]; then
      __authsome_change+=("$__authsome_i")
      __as=(1)
      __authsome_wanted=''
    fi
  }

  __authsome_sha256() {
    local folder
    for folder in /usr/bin /bin /usr/local/bin /run/current-system/sw/bin; do
      if [ -x "$folder/sha256sum" ]; then exec "$folder/sha256sum"; fi
      if [ -x "$folder/shasum" ]; then exec "$folder/shasum" -a 256; fi
      if [ -x "$folder/openssl" ]; then exec "$folder/openssl" dgst -sha256 -r; fi
    done
  }

  # Until the second is over, __as[1] is asked for, which is never set: a `for` without a word runs nothing,
  # changes neither $? nor $_, and is not shown by set -x. Then the word is $_, which is kept by being the last one
  # of the call. Quotes, for any IFS; short names, as bash parses them each time. Under set -x the call would be
  # seen, once a second, so it is put where nobody looks, which takes twice as long.
  __authsome_arm() {
    local call="for __as_arg in \${__as[$__authsome_clock==__as_at]+\"\$_\"}; do"
    call+=" __authsome_look \"\$__as_arg\"; done"
    # shellcheck disable=SC2064 # that is what it is for
    case $- in
      *x*) trap "{ $call; } 2>/dev/null" DEBUG ;;
      *) trap "$call" DEBUG ;;
    esac
  }

  __authsome_clock=SECONDS
  if [ "${BASH_VERSINFO[0]}" -ge 5 ]; then __authsome_clock=EPOCHSECONDS; fi
  __authsome_live=${AUTHSOME_RUN-}/live
  # What changes later is in arrays, which are not exported in a script under `set -a`.
  __authsome_newest=() __authsome_seen=('') __as=() __as_arg=('') __as_at=(0)
  case $__authsome_live in
    /live) ;;
    /*) case $-${BASH_XTRACEFD:+!} in *x*!) ;; *) __authsome_read ;; esac ;;
  esac
  # Not without a variable to keep, where redirections are forbidden, or over a trap of the user's BASH_ENV.
  if [ "${#__as[@]}" -gt 0 ] && ! shopt -q restricted_shell &&
    { [ -z "${AUTHSOME_BASH_ENV-}" ] || [ -z "$(trap -p DEBUG)" ]; }; then
    __authsome_arm
    export -n __authsome_clock __authsome_live
    export -nf __authsome_{look,read,variable,former,sha256,arm}
  else
    unset __authsome_clock __authsome_live __authsome_seen __authsome_newest __as __as_arg __as_at
    unset -f __authsome_{look,read,variable,former,sha256,arm}
  fi
  __authsome_end() {
    set -- "$__authsome_status" "$__authsome_last"
    unset __authsome_status __authsome_last __authsome_us __authsome_own
    unset -f __authsome_end
    return "$1"
  }
  __authsome_end "$__authsome_last" # as if nothing had been here: $? is that of the user's BASH_ENV
} 2>/dev/null
