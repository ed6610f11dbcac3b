package sbc_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// seen is how commands have ended in the tests of this package.
var seen scsitest.Coverage

// TestMain holds a run of all tests to having seen whatever a row can come to: by the pipeline, and by its handler as
// the table of rows says. What was seen is written down in docs/conformance.md, and it fails where that says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 && whole() {
		code = covered()
	}
	os.Exit(code)
}

// whole says that no test was left out by a flag.
func whole() bool {
	for _, name := range []string{"run", "skip", "list", "bench", "fuzz"} {
		if flag.Lookup("test."+name).Value.String() != "" {
			return false
		}
	}
	return true
}

func covered() int {
	cfg := complete(newRecorder(1 << 20))
	cfg.Removable = true
	disk, err := sbc.New(cfg)
	if err != nil {
		panic(err)
	}
	own := map[string][]scsi.Result{}
	for _, r := range rows {
		own[r.name] = scsitest.Senses(r.senses)
	}
	missing := seen.Missing(disk.Ops(), own)
	for _, m := range missing {
		fmt.Println("no test has seen", m)
	}
	if len(missing) > 0 {
		return 1
	}
	if err := conformance(disk.Ops()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// Our section of the document begins and ends with a comment; the other is that of the outside suites.
const (
	conformanceDocument = "../docs/conformance.md"
	sectionBegins       = "<!-- Rows and outcomes -->\n"
	sectionEnds         = "<!-- end of rows and outcomes -->\n"
)

// conformance compares the section with what was seen, or writes it.
func conformance(ops []scsi.Op) error {
	have, err := os.ReadFile(conformanceDocument)
	if err != nil {
		return err
	}
	before, rest, _ := strings.Cut(string(have), sectionBegins)
	_, after, found := strings.Cut(rest, sectionEnds)
	if !found {
		return fmt.Errorf("%s has no section between %q and %q", conformanceDocument, sectionBegins, sectionEnds)
	}
	want := before + sectionBegins + outcomes(ops) + sectionEnds + after
	switch {
	case want == string(have):
		return nil
	case flag.Lookup("update").Value.String() == "true":
		return os.WriteFile(conformanceDocument, []byte(want), 0o644)
	}
	return fmt.Errorf("%s is not what the tests have seen: run \"make docs\", and look at what has changed", conformanceDocument)
}

const aboutOutcomes = `
## Rows and outcomes

How each command of a thin disk has ended in the tests of package sbc, which are its golden bytes: sense keys, with
additional sense codes and qualifiers. Made by "make docs"; a run of the tests fails where they have seen anything else, and
where one is missing that a row can come to by its flags, its transfer rule, or what the hand-written table of rows
(sbc/rows_test.go) says of its handler.

`

// columns are the outcomes that most rows have; all others stand in the last.
var columns = []scsi.Key{scsi.IllegalRequest, scsi.UnitAttention, scsi.NotReady, scsi.DataProtect}

// outcomes is the section: a row for each command, and what the codes in it mean.
func outcomes(ops []scsi.Op) string {
	var b strings.Builder
	b.WriteString(aboutOutcomes + "| Command | GOOD |")
	for _, k := range columns {
		fmt.Fprintf(&b, " %v |", k)
	}
	b.WriteString(" Others |\n|---|---|" + strings.Repeat("---|", len(columns)) + "---|\n")
	var codes []scsi.Code
	total := 0
	for _, op := range ops {
		ends := seen.Of(op.Name)
		total += len(ends)
		cells := make([][]string, 2+len(columns))
		for _, r := range ends {
			at, text := cell(r)
			cells[at] = append(cells[at], text)
			codes = append(codes, r.Code)
		}
		fmt.Fprintf(&b, "| %s |", op.Name)
		for _, c := range cells {
			fmt.Fprintf(&b, " %s |", strings.Join(c, ", "))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n%d rows, %d outcomes.\n\n| Code | |\n|---|---|\n", len(ops), total)
	slices.Sort(codes)
	for _, c := range slices.Compact(codes) {
		if c != 0 {
			fmt.Fprintf(&b, "| %s | %v |\n", short(c), c)
		}
	}
	return b.String() + "\n"
}

// cell is the column of an outcome, and what stands there.
func cell(r scsi.Result) (column int, text string) {
	if r.OK() {
		return 0, "seen"
	}
	if at := slices.Index(columns, r.Key); r.Status == scsi.CheckCondition && at >= 0 {
		return 1 + at, short(r.Code)
	}
	if r.Status != scsi.CheckCondition {
		return 1 + len(columns), r.Status.String()
	}
	return 1 + len(columns), fmt.Sprintf("%v %s", r.Key, short(r.Code))
}

func short(c scsi.Code) string { return fmt.Sprintf("%02X/%02X", uint8(c>>8), uint8(c)) }
