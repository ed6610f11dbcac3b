package scsi

// Results that commands end with, named as the standard names them (SPC-4 annex F). Each sense stands here once.
var (
	OperationInProgress               = Check(IllegalRequest, 0x0016)
	LogicalUnitBecomingReady          = Check(NotReady, 0x0401)
	LogicalUnitNotReadyStopped        = Check(NotReady, 0x0402)
	LogicalUnitNotReadyManual         = Check(NotReady, 0x0403)
	FormatInProgress                  = Check(NotReady, 0x0404)
	SelfTestInProgress                = Check(NotReady, 0x0409)
	AccessStateTransition             = Check(NotReady, 0x040a)
	TargetPortInStandby               = Check(NotReady, 0x040b)
	TargetPortUnavailable             = Check(NotReady, 0x040c)
	LogicalUnitOffline                = Check(NotReady, 0x0412)
	SanitizeInProgress                = Check(NotReady, 0x041b)
	UnreachableCopyTarget             = Check(CopyAborted, 0x0804)
	WriteError                        = Check(MediumError, 0x0c00)
	ThirdPartyDeviceFailure           = Check(CopyAborted, 0x0d01)
	CopyTargetDeviceNotReachable      = Check(CopyAborted, 0x0d02)
	IncorrectCopyTargetType           = Check(CopyAborted, 0x0d03)
	UnrecoveredReadError              = Check(MediumError, 0x1100)
	ParameterListLengthError          = Check(IllegalRequest, 0x1a00)
	ScatteredLengthError              = Check(AbortedCommand, 0x1a00)
	DefectListNotFound                = Check(RecoveredError, 0x1c00)
	MiscompareDuringVerify            = Check(Miscompare, 0x1d00)
	InvalidCommandOperationCode       = Check(IllegalRequest, 0x2000)
	LBAOutOfRange                     = Check(IllegalRequest, 0x2100)
	InvalidTokenOperation             = Check(IllegalRequest, 0x2300)
	UnsupportedTokenType              = Check(IllegalRequest, 0x2301)
	TokenUnknown                      = Check(IllegalRequest, 0x2304)
	TokenCorrupt                      = Check(IllegalRequest, 0x2305)
	TokenRevoked                      = Check(IllegalRequest, 0x2306)
	TokenExpired                      = Check(IllegalRequest, 0x2307)
	TokenCancelled                    = Check(IllegalRequest, 0x2308)
	TokenDeleted                      = Check(IllegalRequest, 0x2309)
	InvalidTokenLength                = Check(IllegalRequest, 0x230a)
	InvalidFieldInCDB                 = Check(IllegalRequest, 0x2400)
	LogicalUnitNotSupported           = Check(IllegalRequest, 0x2500)
	InvalidFieldInParameterList       = Check(IllegalRequest, 0x2600)
	ParameterValueInvalid             = Check(IllegalRequest, 0x2602)
	InvalidRelease                    = Check(IllegalRequest, 0x2604)
	TooManyTargetDescriptors          = Check(IllegalRequest, 0x2606)
	UnsupportedTargetDescriptor       = Check(IllegalRequest, 0x2607)
	TooManySegmentDescriptors         = Check(IllegalRequest, 0x2608)
	UnsupportedSegmentDescriptor      = Check(IllegalRequest, 0x2609)
	UnexpectedInexactSegment          = Check(CopyAborted, 0x260a)
	InlineDataLengthExceeded          = Check(IllegalRequest, 0x260b)
	FastCopyNotPossible               = Check(CopyAborted, 0x2616)
	WriteProtected                    = Check(DataProtect, 0x2700)
	LogicalUnitSoftwareWriteProtected = Check(DataProtect, 0x2702)
	SpaceAllocationFailed             = Check(DataProtect, 0x2707)
	CommandSequenceError              = Check(IllegalRequest, 0x2c00)
	ORWriteGenerationDoesNotMatch     = Check(IllegalRequest, 0x2c0c)
	StreamNotOpen                     = Check(IllegalRequest, 0x2c0f)
	MediumFormatCorrupted             = Check(MediumError, 0x3100)
	FormatCommandFailed               = Check(MediumError, 0x3101)
	SanitizeCommandFailed             = Check(MediumError, 0x3103)
	SavingNotSupported                = Check(IllegalRequest, 0x3900)
	MediumNotPresent                  = Check(NotReady, 0x3a00)
	LogicalUnitFailedSelfTest         = Check(HardwareError, 0x3e03)
	InternalTargetFailure             = Check(HardwareError, 0x4400)
	MediumRemovalPrevented            = Check(IllegalRequest, 0x5302)
	InsufficientResources             = Check(IllegalRequest, 0x5503)
	IdleByCommand                     = Check(NoSense, 0x5e03)
	StandbyByCommand                  = Check(NoSense, 0x5e04)
	InsufficientRegistrationResources = Check(IllegalRequest, 0x5504)
	MaximumNumberOfStreamsOpen        = Check(IllegalRequest, 0x5510)
	InsufficientResourcesForToken     = Check(IllegalRequest, 0x550d)
	SetTargetPortGroupsFailed         = Check(HardwareError, 0x670a)
)

// Conflict is the status of a command that a reservation forbids; it carries no sense (SPC-4 clause 5.12).
var Conflict = Result{Status: ReservationConflict}

// Aborted is the status of a command that another I_T nexus, or a task management function, has aborted (SAM-5 5.3.1).
var Aborted = Result{Status: TaskAborted}

// Unit attention conditions, for Unit.Attend and Nexus.Attend.
const (
	MediumMayHaveChanged     Code = 0x2800
	PowerOnOrReset           Code = 0x2900
	PowerOnOccurred          Code = 0x2901
	BusResetOccurred         Code = 0x2902
	BusDeviceReset           Code = 0x2903
	DeviceInternalReset      Code = 0x2904
	NexusLossOccurred        Code = 0x2907
	ModeParametersChanged    Code = 0x2a01
	LogParametersChanged     Code = 0x2a02
	ReservationsPreempted    Code = 0x2a03
	ReservationsReleased     Code = 0x2a04
	RegistrationsPreempted   Code = 0x2a05
	AccessStateChanged       Code = 0x2a06
	ImplicitTransitionFailed Code = 0x2a07
	CapacityDataChanged      Code = 0x2a09
	TimestampChanged         Code = 0x2a10
	CommandsCleared          Code = 0x2f00
	SoftThresholdReached     Code = 0x3807
	InquiryDataChanged       Code = 0x3f03
	DeviceIdentifierChanged  Code = 0x3f05
	ReportedLUNsDataChanged  Code = 0x3f0e
)

var codeNames = map[Code]string{
	0x0000: "NO ADDITIONAL SENSE INFORMATION",
	0x0016: "OPERATION IN PROGRESS",
	0x0401: "LOGICAL UNIT IS IN PROCESS OF BECOMING READY",
	0x0402: "LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED",
	0x0403: "LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED",
	0x0404: "LOGICAL UNIT NOT READY, FORMAT IN PROGRESS",
	0x0409: "LOGICAL UNIT NOT READY, SELF-TEST IN PROGRESS",
	0x040a: "LOGICAL UNIT NOT ACCESSIBLE, ASYMMETRIC ACCESS STATE TRANSITION",
	0x040b: "LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN STANDBY STATE",
	0x040c: "LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN UNAVAILABLE STATE",
	0x0412: "LOGICAL UNIT NOT READY, OFFLINE",
	0x041b: "LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS",
	0x0804: "UNREACHABLE COPY TARGET",
	0x0c00: "WRITE ERROR",
	0x0d01: "THIRD PARTY DEVICE FAILURE",
	0x0d02: "COPY TARGET DEVICE NOT REACHABLE",
	0x0d03: "INCORRECT COPY TARGET DEVICE TYPE",
	0x1100: "UNRECOVERED READ ERROR",
	0x1a00: "PARAMETER LIST LENGTH ERROR",
	0x1c00: "DEFECT LIST NOT FOUND",
	0x1d00: "MISCOMPARE DURING VERIFY OPERATION",
	0x2000: "INVALID COMMAND OPERATION CODE",
	0x2100: "LOGICAL BLOCK ADDRESS OUT OF RANGE",
	0x2300: "INVALID TOKEN OPERATION, CAUSE NOT REPORTABLE",
	0x2301: "INVALID TOKEN OPERATION, UNSUPPORTED TOKEN TYPE",
	0x2304: "INVALID TOKEN OPERATION, TOKEN UNKNOWN",
	0x2305: "INVALID TOKEN OPERATION, TOKEN CORRUPT",
	0x2306: "INVALID TOKEN OPERATION, TOKEN REVOKED",
	0x2307: "INVALID TOKEN OPERATION, TOKEN EXPIRED",
	0x2308: "INVALID TOKEN OPERATION, TOKEN CANCELLED",
	0x2309: "INVALID TOKEN OPERATION, TOKEN DELETED",
	0x230a: "INVALID TOKEN OPERATION, INVALID TOKEN LENGTH",
	0x2400: "INVALID FIELD IN CDB",
	0x2500: "LOGICAL UNIT NOT SUPPORTED",
	0x2600: "INVALID FIELD IN PARAMETER LIST",
	0x2602: "PARAMETER VALUE INVALID",
	0x2604: "INVALID RELEASE OF PERSISTENT RESERVATION",
	0x2606: "TOO MANY TARGET DESCRIPTORS",
	0x2607: "UNSUPPORTED TARGET DESCRIPTOR TYPE CODE",
	0x2608: "TOO MANY SEGMENT DESCRIPTORS",
	0x2609: "UNSUPPORTED SEGMENT DESCRIPTOR TYPE CODE",
	0x260a: "UNEXPECTED INEXACT SEGMENT",
	0x260b: "INLINE DATA LENGTH EXCEEDED",
	0x2616: "FAST COPY NOT POSSIBLE",
	0x2700: "WRITE PROTECTED",
	0x2702: "LOGICAL UNIT SOFTWARE WRITE PROTECTED",
	0x2707: "SPACE ALLOCATION FAILED WRITE PROTECT",
	0x2800: "NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED",
	0x2900: "POWER ON, RESET, OR BUS DEVICE RESET OCCURRED",
	0x2901: "POWER ON OCCURRED",
	0x2902: "SCSI BUS RESET OCCURRED",
	0x2903: "BUS DEVICE RESET FUNCTION OCCURRED",
	0x2904: "DEVICE INTERNAL RESET",
	0x2907: "I_T NEXUS LOSS OCCURRED",
	0x2a01: "MODE PARAMETERS CHANGED",
	0x2a02: "LOG PARAMETERS CHANGED",
	0x2a03: "RESERVATIONS PREEMPTED",
	0x2a04: "RESERVATIONS RELEASED",
	0x2a05: "REGISTRATIONS PREEMPTED",
	0x2a06: "ASYMMETRIC ACCESS STATE CHANGED",
	0x2a07: "IMPLICIT ASYMMETRIC ACCESS STATE TRANSITION FAILED",
	0x2a09: "CAPACITY DATA HAS CHANGED",
	0x2a10: "TIMESTAMP CHANGED",
	0x2c00: "COMMAND SEQUENCE ERROR",
	0x2c0c: "ORWRITE GENERATION DOES NOT MATCH",
	0x2c0f: "STREAM NOT OPEN",
	0x2f00: "COMMANDS CLEARED BY ANOTHER INITIATOR",
	0x3100: "MEDIUM FORMAT CORRUPTED",
	0x3101: "FORMAT COMMAND FAILED",
	0x3103: "SANITIZE COMMAND FAILED",
	0x3807: "THIN PROVISIONING SOFT THRESHOLD REACHED",
	0x3900: "SAVING PARAMETERS NOT SUPPORTED",
	0x3a00: "MEDIUM NOT PRESENT",
	0x3e03: "LOGICAL UNIT FAILED SELF-TEST",
	0x3f03: "INQUIRY DATA HAS CHANGED",
	0x3f05: "DEVICE IDENTIFIER CHANGED",
	0x3f0e: "REPORTED LUNS DATA HAS CHANGED",
	0x4400: "INTERNAL TARGET FAILURE",
	0x5302: "MEDIUM REMOVAL PREVENTED",
	0x5503: "INSUFFICIENT RESOURCES",
	0x5504: "INSUFFICIENT REGISTRATION RESOURCES",
	0x5e03: "IDLE CONDITION ACTIVATED BY COMMAND",
	0x5e04: "STANDBY CONDITION ACTIVATED BY COMMAND",
	0x5510: "MAXIMUM NUMBER OF STREAMS OPEN",
	0x550d: "INSUFFICIENT RESOURCES TO CREATE ROD TOKEN",
	0x670a: "SET TARGET PORT GROUPS COMMAND FAILED",
}
