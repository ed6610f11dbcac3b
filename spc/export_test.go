package spc

// CutTransportID is for the tests of what initiators send.
var CutTransportID = cutTransportID
