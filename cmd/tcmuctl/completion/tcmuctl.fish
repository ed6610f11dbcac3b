# fish completion for tcmuctl; tcmuctl itself knows what can be said.
complete -c tcmuctl -f -a '(tcmuctl __complete (commandline -cp | string collect) 2>/dev/null | string trim -r)'
