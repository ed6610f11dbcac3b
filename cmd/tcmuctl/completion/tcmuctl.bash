# bash completion for tcmuctl; tcmuctl itself knows what can be said.
_tcmuctl() {
    local line=${COMP_LINE:0:COMP_POINT} list
    list=$(tcmuctl __complete "$line" 2>/dev/null)
    COMPREPLY=()
    [[ -n $list ]] || return
    mapfile -t COMPREPLY <<<"$list"
    # Bash takes what is behind : or = for a word of its own.
    local word=${line##* }
    local before=${word%"${word##*[:=]}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o nospace -o nosort -F _tcmuctl tcmuctl
