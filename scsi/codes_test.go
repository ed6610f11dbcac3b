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
	"OperationInProgress":               {OperationInProgress, 0x5, 0x0016, "OPERATION IN PROGRESS"},
	"LogicalUnitBecomingReady":          {LogicalUnitBecomingReady, 0x2, 0x0401, "LOGICAL UNIT IS IN PROCESS OF BECOMING READY"},
	"LogicalUnitNotReadyStopped":        {LogicalUnitNotReadyStopped, 0x2, 0x0402, "LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED"},
	"LogicalUnitNotReadyManual":         {LogicalUnitNotReadyManual, 0x2, 0x0403, "LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED"},
	"FormatInProgress":                  {FormatInProgress, 0x2, 0x0404, "LOGICAL UNIT NOT READY, FORMAT IN PROGRESS"},
	"SelfTestInProgress":                {SelfTestInProgress, 0x2, 0x0409, "LOGICAL UNIT NOT READY, SELF-TEST IN PROGRESS"},
	"AccessStateTransition":             {AccessStateTransition, 0x2, 0x040a, "LOGICAL UNIT NOT ACCESSIBLE, ASYMMETRIC ACCESS STATE TRANSITION"},
	"TargetPortInStandby":               {TargetPortInStandby, 0x2, 0x040b, "LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN STANDBY STATE"},
	"TargetPortUnavailable":             {TargetPortUnavailable, 0x2, 0x040c, "LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN UNAVAILABLE STATE"},
	"LogicalUnitOffline":                {LogicalUnitOffline, 0x2, 0x0412, "LOGICAL UNIT NOT READY, OFFLINE"},
	"SanitizeInProgress":                {SanitizeInProgress, 0x2, 0x041b, "LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS"},
	"UnreachableCopyTarget":             {UnreachableCopyTarget, 0xa, 0x0804, "UNREACHABLE COPY TARGET"},
	"WriteError":                        {WriteError, 0x3, 0x0c00, "WRITE ERROR"},
	"ThirdPartyDeviceFailure":           {ThirdPartyDeviceFailure, 0xa, 0x0d01, "THIRD PARTY DEVICE FAILURE"},
	"CopyTargetDeviceNotReachable":      {CopyTargetDeviceNotReachable, 0xa, 0x0d02, "COPY TARGET DEVICE NOT REACHABLE"},
	"IncorrectCopyTargetType":           {IncorrectCopyTargetType, 0xa, 0x0d03, "INCORRECT COPY TARGET DEVICE TYPE"},
	"UnrecoveredReadError":              {UnrecoveredReadError, 0x3, 0x1100, "UNRECOVERED READ ERROR"},
	"ParameterListLengthError":          {ParameterListLengthError, 0x5, 0x1a00, "PARAMETER LIST LENGTH ERROR"},
	"ScatteredLengthError":              {ScatteredLengthError, 0xb, 0x1a00, "PARAMETER LIST LENGTH ERROR"},
	"DefectListNotFound":                {DefectListNotFound, 0x1, 0x1c00, "DEFECT LIST NOT FOUND"},
	"MiscompareDuringVerify":            {MiscompareDuringVerify, 0xe, 0x1d00, "MISCOMPARE DURING VERIFY OPERATION"},
	"InvalidCommandOperationCode":       {InvalidCommandOperationCode, 0x5, 0x2000, "INVALID COMMAND OPERATION CODE"},
	"LBAOutOfRange":                     {LBAOutOfRange, 0x5, 0x2100, "LOGICAL BLOCK ADDRESS OUT OF RANGE"},
	"InvalidTokenOperation":             {InvalidTokenOperation, 0x5, 0x2300, "INVALID TOKEN OPERATION, CAUSE NOT REPORTABLE"},
	"UnsupportedTokenType":              {UnsupportedTokenType, 0x5, 0x2301, "INVALID TOKEN OPERATION, UNSUPPORTED TOKEN TYPE"},
	"TokenUnknown":                      {TokenUnknown, 0x5, 0x2304, "INVALID TOKEN OPERATION, TOKEN UNKNOWN"},
	"TokenCorrupt":                      {TokenCorrupt, 0x5, 0x2305, "INVALID TOKEN OPERATION, TOKEN CORRUPT"},
	"TokenRevoked":                      {TokenRevoked, 0x5, 0x2306, "INVALID TOKEN OPERATION, TOKEN REVOKED"},
	"TokenExpired":                      {TokenExpired, 0x5, 0x2307, "INVALID TOKEN OPERATION, TOKEN EXPIRED"},
	"TokenCancelled":                    {TokenCancelled, 0x5, 0x2308, "INVALID TOKEN OPERATION, TOKEN CANCELLED"},
	"TokenDeleted":                      {TokenDeleted, 0x5, 0x2309, "INVALID TOKEN OPERATION, TOKEN DELETED"},
	"InvalidTokenLength":                {InvalidTokenLength, 0x5, 0x230a, "INVALID TOKEN OPERATION, INVALID TOKEN LENGTH"},
	"InvalidFieldInCDB":                 {InvalidFieldInCDB, 0x5, 0x2400, "INVALID FIELD IN CDB"},
	"LogicalUnitNotSupported":           {LogicalUnitNotSupported, 0x5, 0x2500, "LOGICAL UNIT NOT SUPPORTED"},
	"InvalidFieldInParameterList":       {InvalidFieldInParameterList, 0x5, 0x2600, "INVALID FIELD IN PARAMETER LIST"},
	"ParameterValueInvalid":             {ParameterValueInvalid, 0x5, 0x2602, "PARAMETER VALUE INVALID"},
	"TooManyTargetDescriptors":          {TooManyTargetDescriptors, 0x5, 0x2606, "TOO MANY TARGET DESCRIPTORS"},
	"UnsupportedTargetDescriptor":       {UnsupportedTargetDescriptor, 0x5, 0x2607, "UNSUPPORTED TARGET DESCRIPTOR TYPE CODE"},
	"TooManySegmentDescriptors":         {TooManySegmentDescriptors, 0x5, 0x2608, "TOO MANY SEGMENT DESCRIPTORS"},
	"UnsupportedSegmentDescriptor":      {UnsupportedSegmentDescriptor, 0x5, 0x2609, "UNSUPPORTED SEGMENT DESCRIPTOR TYPE CODE"},
	"UnexpectedInexactSegment":          {UnexpectedInexactSegment, 0xa, 0x260a, "UNEXPECTED INEXACT SEGMENT"},
	"InlineDataLengthExceeded":          {InlineDataLengthExceeded, 0x5, 0x260b, "INLINE DATA LENGTH EXCEEDED"},
	"FastCopyNotPossible":               {FastCopyNotPossible, 0xa, 0x2616, "FAST COPY NOT POSSIBLE"},
	"WriteProtected":                    {WriteProtected, 0x7, 0x2700, "WRITE PROTECTED"},
	"LogicalUnitSoftwareWriteProtected": {LogicalUnitSoftwareWriteProtected, 0x7, 0x2702, "LOGICAL UNIT SOFTWARE WRITE PROTECTED"},
	"SpaceAllocationFailed":             {SpaceAllocationFailed, 0x7, 0x2707, "SPACE ALLOCATION FAILED WRITE PROTECT"},
	"CommandSequenceError":              {CommandSequenceError, 0x5, 0x2c00, "COMMAND SEQUENCE ERROR"},
	"ORWriteGenerationDoesNotMatch":     {ORWriteGenerationDoesNotMatch, 0x5, 0x2c0c, "ORWRITE GENERATION DOES NOT MATCH"},
	"StreamNotOpen":                     {StreamNotOpen, 0x5, 0x2c0f, "STREAM NOT OPEN"},
	"MediumFormatCorrupted":             {MediumFormatCorrupted, 0x3, 0x3100, "MEDIUM FORMAT CORRUPTED"},
	"FormatCommandFailed":               {FormatCommandFailed, 0x3, 0x3101, "FORMAT COMMAND FAILED"},
	"SanitizeCommandFailed":             {SanitizeCommandFailed, 0x3, 0x3103, "SANITIZE COMMAND FAILED"},
	"SavingNotSupported":                {SavingNotSupported, 0x5, 0x3900, "SAVING PARAMETERS NOT SUPPORTED"},
	"MediumNotPresent":                  {MediumNotPresent, 0x2, 0x3a00, "MEDIUM NOT PRESENT"},
	"LogicalUnitFailedSelfTest":         {LogicalUnitFailedSelfTest, 0x4, 0x3e03, "LOGICAL UNIT FAILED SELF-TEST"},
	"InternalTargetFailure":             {InternalTargetFailure, 0x4, 0x4400, "INTERNAL TARGET FAILURE"},
	"MediumRemovalPrevented":            {MediumRemovalPrevented, 0x5, 0x5302, "MEDIUM REMOVAL PREVENTED"},
	"InsufficientResources":             {InsufficientResources, 0x5, 0x5503, "INSUFFICIENT RESOURCES"},
	"InsufficientResourcesForToken":     {InsufficientResourcesForToken, 0x5, 0x550d, "INSUFFICIENT RESOURCES TO CREATE ROD TOKEN"},
	"SetTargetPortGroupsFailed":         {SetTargetPortGroupsFailed, 0x4, 0x670a, "SET TARGET PORT GROUPS COMMAND FAILED"},
	"MaximumNumberOfStreamsOpen":        {MaximumNumberOfStreamsOpen, 0x5, 0x5510, "MAXIMUM NUMBER OF STREAMS OPEN"},
	"InsufficientRegistrationResources": {InsufficientRegistrationResources, 0x5, 0x5504, "INSUFFICIENT REGISTRATION RESOURCES"},
	"InvalidRelease":                    {InvalidRelease, 0x5, 0x2604, "INVALID RELEASE OF PERSISTENT RESERVATION"},
	"IdleByCommand":                     {IdleByCommand, 0x0, 0x5e03, "IDLE CONDITION ACTIVATED BY COMMAND"},
	"StandbyByCommand":                  {StandbyByCommand, 0x0, 0x5e04, "STANDBY CONDITION ACTIVATED BY COMMAND"},
	"MediumMayHaveChanged":              {Check(UnitAttention, MediumMayHaveChanged), 0x6, 0x2800, "NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED"},
	"PowerOnOrReset":                    {Check(UnitAttention, PowerOnOrReset), 0x6, 0x2900, "POWER ON, RESET, OR BUS DEVICE RESET OCCURRED"},
	"PowerOnOccurred":                   {Check(UnitAttention, PowerOnOccurred), 0x6, 0x2901, "POWER ON OCCURRED"},
	"BusResetOccurred":                  {Check(UnitAttention, BusResetOccurred), 0x6, 0x2902, "SCSI BUS RESET OCCURRED"},
	"BusDeviceReset":                    {Check(UnitAttention, BusDeviceReset), 0x6, 0x2903, "BUS DEVICE RESET FUNCTION OCCURRED"},
	"DeviceInternalReset":               {Check(UnitAttention, DeviceInternalReset), 0x6, 0x2904, "DEVICE INTERNAL RESET"},
	"NexusLossOccurred":                 {Check(UnitAttention, NexusLossOccurred), 0x6, 0x2907, "I_T NEXUS LOSS OCCURRED"},
	"ModeParametersChanged":             {Check(UnitAttention, ModeParametersChanged), 0x6, 0x2a01, "MODE PARAMETERS CHANGED"},
	"LogParametersChanged":              {Check(UnitAttention, LogParametersChanged), 0x6, 0x2a02, "LOG PARAMETERS CHANGED"},
	"CapacityDataChanged":               {Check(UnitAttention, CapacityDataChanged), 0x6, 0x2a09, "CAPACITY DATA HAS CHANGED"},
	"TimestampChanged":                  {Check(UnitAttention, TimestampChanged), 0x6, 0x2a10, "TIMESTAMP CHANGED"},
	"ReservationsPreempted":             {Check(UnitAttention, ReservationsPreempted), 0x6, 0x2a03, "RESERVATIONS PREEMPTED"},
	"ReservationsReleased":              {Check(UnitAttention, ReservationsReleased), 0x6, 0x2a04, "RESERVATIONS RELEASED"},
	"RegistrationsPreempted":            {Check(UnitAttention, RegistrationsPreempted), 0x6, 0x2a05, "REGISTRATIONS PREEMPTED"},
	"AccessStateChanged":                {Check(UnitAttention, AccessStateChanged), 0x6, 0x2a06, "ASYMMETRIC ACCESS STATE CHANGED"},
	"ImplicitTransitionFailed":          {Check(UnitAttention, ImplicitTransitionFailed), 0x6, 0x2a07, "IMPLICIT ASYMMETRIC ACCESS STATE TRANSITION FAILED"},
	"CommandsCleared":                   {Check(UnitAttention, CommandsCleared), 0x6, 0x2f00, "COMMANDS CLEARED BY ANOTHER INITIATOR"},
	"SoftThresholdReached":              {Check(UnitAttention, SoftThresholdReached), 0x6, 0x3807, "THIN PROVISIONING SOFT THRESHOLD REACHED"},
	"InquiryDataChanged":                {Check(UnitAttention, InquiryDataChanged), 0x6, 0x3f03, "INQUIRY DATA HAS CHANGED"},
	"DeviceIdentifierChanged":           {Check(UnitAttention, DeviceIdentifierChanged), 0x6, 0x3f05, "DEVICE IDENTIFIER CHANGED"},
	"ReportedLUNsDataChanged":           {Check(UnitAttention, ReportedLUNsDataChanged), 0x6, 0x3f0e, "REPORTED LUNS DATA HAS CHANGED"},
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
		if name != "Conflict" && name != "Aborted" && name != "codeNames" {
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
