package man

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestPage(t *testing.T) {
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	flags.BoolP("help", "h", false, "print help")
	flags.String("socket", "/run/x", "where it listens")
	p := New("x", "does it")
	p.Section("synopsis")
	p.Synopsis("x", "[OPTIONS]")
	p.Section("description")
	p.Text("One.\n\n'Two' and\n.three\\four")
	p.Section("options")
	p.Options(flags)
	p.Subsection("more")
	p.Item("create", "make one")
	end := p.Below()
	p.Item("name", "its name")
	end()
	p.Example("\n# x create a\n")
	p.SeeAlso("y(8)", "z-a(7)")
	require.Equal(t, `.\" Made from the tables by "make docs".
.TH X 8 `+date+` tcmud "System Administration"
.SH NAME
x \- does it
.SH SYNOPSIS
.nf
\fBx\fR [OPTIONS]
.fi
.SH DESCRIPTION
One.
.PP
\&'Two' and
\&.three\efour
.SH OPTIONS
.TP
\fB\-h, \-\-help\fR
print help
.TP
\fB\-\-socket STRING\fR
where it listens (/run/x if left out)
.SS more
.TP
\fBcreate\fR
make one
.RS
.TP
\fBname\fR
its name
.RE
.PP
.RS 4
.nf
# x create a
.fi
.RE
.SH SEE ALSO
.BR y (8) ,
.BR z\-a (7)
`, p.String())
}
