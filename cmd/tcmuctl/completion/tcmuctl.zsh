#compdef tcmuctl
# zsh completion for tcmuctl; tcmuctl itself knows what can be said.
_tcmuctl() {
    local -a candidates
    candidates=("${(@f)$(tcmuctl __complete "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
    compadd -Q -S '' -- ${candidates:#}
}
compdef _tcmuctl tcmuctl
