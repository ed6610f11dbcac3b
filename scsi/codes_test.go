package scsi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// The results of codes.go as SPC-4 annex F and the list of additional sense codes at t10.org spell them, transcribed
// from there and compared with what sg_decode_sense says.
var results = map[string]struct {
	result Result
	key    byte
	code   uint16
	name   string
}{
	"LogicalUnitNotReadyManual":         {LogicalUnitNotReadyManual, 0x2, 0x0403, "LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED"},
	"LogicalUnitNotReadyStopped":        {LogicalUnitNotReadyStopped, 0x2, 0x0402, "LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED"},
	"WriteError":                        {WriteError, 0x3, 0x0c00, "WRITE ERROR"},
	"UnrecoveredReadError":              {UnrecoveredReadError, 0x3, 0x1100, "UNRECOVERED READ ERROR"},
	"ParameterListLengthError":          {ParameterListLengthError, 0x5, 0x1a00, "PARAMETER LIST LENGTH ERROR"},
	"MiscompareDuringVerify":            {MiscompareDuringVerify, 0xe, 0x1d00, "MISCOMPARE DURING VERIFY OPERATION"},
	"InvalidCommandOperationCode":       {InvalidCommandOperationCode, 0x5, 0x2000, "INVALID COMMAND OPERATION CODE"},
	"LBAOutOfRange":                     {LBAOutOfRange, 0x5, 0x2100, "LOGICAL BLOCK ADDRESS OUT OF RANGE"},
	"InvalidFieldInCDB":                 {InvalidFieldInCDB, 0x5, 0x2400, "INVALID FIELD IN CDB"},
	"LogicalUnitNotSupported":           {LogicalUnitNotSupported, 0x5, 0x2500, "LOGICAL UNIT NOT SUPPORTED"},
	"InvalidFieldInParameterList":       {InvalidFieldInParameterList, 0x5, 0x2600, "INVALID FIELD IN PARAMETER LIST"},
	"WriteProtected":                    {WriteProtected, 0x7, 0x2700, "WRITE PROTECTED"},
	"LogicalUnitSoftwareWriteProtected": {LogicalUnitSoftwareWriteProtected, 0x7, 0x2702, "LOGICAL UNIT SOFTWARE WRITE PROTECTED"},
	"SpaceAllocationFailed":             {SpaceAllocationFailed, 0x7, 0x2707, "SPACE ALLOCATION FAILED WRITE PROTECT"},
	"SavingNotSupported":                {SavingNotSupported, 0x5, 0x3900, "SAVING PARAMETERS NOT SUPPORTED"},
	"InternalTargetFailure":             {InternalTargetFailure, 0x4, 0x4400, "INTERNAL TARGET FAILURE"},
	"PowerOnOccurred":                   {Check(UnitAttention, PowerOnOccurred), 0x6, 0x2901, "POWER ON OCCURRED"},
	"ModeParametersChanged":             {Check(UnitAttention, ModeParametersChanged), 0x6, 0x2a01, "MODE PARAMETERS CHANGED"},
	"CapacityDataChanged":               {Check(UnitAttention, CapacityDataChanged), 0x6, 0x2a09, "CAPACITY DATA HAS CHANGED"},
	"InquiryDataChanged":                {Check(UnitAttention, InquiryDataChanged), 0x6, 0x3f03, "INQUIRY DATA HAS CHANGED"},
}

func TestResults(t *testing.T) {
	for name, want := range results {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, CheckCondition, want.result.Status)
			require.Equal(t, want.key, byte(want.result.Key))
			require.Equal(t, want.code, uint16(want.result.Code))
			require.Equal(t, want.name, want.result.Code.String())
		})
	}
	require.Equal(t, "NO ADDITIONAL SENSE INFORMATION", Code(0).String())
	require.Equal(t, "additional sense code 04h/ffh", Code(0x04ff).String())
}

// TestEachResultIsTranscribed finds a result that codes.go has and the table above has not.
func TestEachResultIsTranscribed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	require.NoError(t, err)
	for _, name := range declared(file) {
		if name != "Conflict" && name != "codeNames" {
			require.Contains(t, results, name, "add it to the table, with its bytes from the standard")
		}
	}
}

// declared is the names of the variables and constants at the top of a file.
func declared(file *ast.File) (names []string) {
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range group.Specs {
			if v, ok := s.(*ast.ValueSpec); ok {
				for _, n := range v.Names {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}
