package scsi

// Results that commands end with, named as the standard names them (SPC-4 annex F). Each sense stands here once.
var (
	LogicalUnitNotReadyManual         = Check(NotReady, 0x0403)
	LogicalUnitNotReadyStopped        = Check(NotReady, 0x0402)
	WriteError                        = Check(MediumError, 0x0c00)
	UnrecoveredReadError              = Check(MediumError, 0x1100)
	ParameterListLengthError          = Check(IllegalRequest, 0x1a00)
	MiscompareDuringVerify            = Check(Miscompare, 0x1d00)
	InvalidCommandOperationCode       = Check(IllegalRequest, 0x2000)
	LBAOutOfRange                     = Check(IllegalRequest, 0x2100)
	InvalidFieldInCDB                 = Check(IllegalRequest, 0x2400)
	LogicalUnitNotSupported           = Check(IllegalRequest, 0x2500)
	InvalidFieldInParameterList       = Check(IllegalRequest, 0x2600)
	WriteProtected                    = Check(DataProtect, 0x2700)
	LogicalUnitSoftwareWriteProtected = Check(DataProtect, 0x2702)
	SpaceAllocationFailed             = Check(DataProtect, 0x2707)
	SavingNotSupported                = Check(IllegalRequest, 0x3900)
	InternalTargetFailure             = Check(HardwareError, 0x4400)
)

// Conflict is the status of a command that a reservation forbids; it carries no sense (SPC-4 clause 5.12).
var Conflict = Result{Status: ReservationConflict}

// Unit attention conditions, for Unit.Attend and Nexus.Attend.
const (
	PowerOnOccurred       Code = 0x2901
	ModeParametersChanged Code = 0x2a01
	CapacityDataChanged   Code = 0x2a09
	InquiryDataChanged    Code = 0x3f03
)

var codeNames = map[Code]string{
	0x0000: "NO ADDITIONAL SENSE INFORMATION",
	0x0402: "LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED",
	0x0403: "LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED",
	0x0c00: "WRITE ERROR",
	0x1100: "UNRECOVERED READ ERROR",
	0x1a00: "PARAMETER LIST LENGTH ERROR",
	0x1d00: "MISCOMPARE DURING VERIFY OPERATION",
	0x2000: "INVALID COMMAND OPERATION CODE",
	0x2100: "LOGICAL BLOCK ADDRESS OUT OF RANGE",
	0x2400: "INVALID FIELD IN CDB",
	0x2500: "LOGICAL UNIT NOT SUPPORTED",
	0x2600: "INVALID FIELD IN PARAMETER LIST",
	0x2700: "WRITE PROTECTED",
	0x2702: "LOGICAL UNIT SOFTWARE WRITE PROTECTED",
	0x2707: "SPACE ALLOCATION FAILED WRITE PROTECT",
	0x2901: "POWER ON OCCURRED",
	0x2a01: "MODE PARAMETERS CHANGED",
	0x2a09: "CAPACITY DATA HAS CHANGED",
	0x3900: "SAVING PARAMETERS NOT SUPPORTED",
	0x3f03: "INQUIRY DATA HAS CHANGED",
	0x4400: "INTERNAL TARGET FAILURE",
}
