// Package scsi is the SCSI Architecture Model as far as a logical unit needs it: what a command is (Command), how it is
// described (Op, Field), how a unit takes it in (Unit: index and pipeline), and how it is answered (Result, sense data,
// unit attentions). It knows no command by name: those are rows that packages spc and sbc bring.
//
// References are to SAM-5 (T10/2104-D), SPC-4 (T10/BSR INCITS 513) and SBC-3 (T10/BSR INCITS 514).
package scsi
