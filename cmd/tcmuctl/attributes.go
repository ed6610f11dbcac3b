package main

import (
	"context"

	"github.com/tcmud/tcmud/lio"
)

// tunable is an object of the kernel's with attributes and parameters.
type tunable interface {
	Attributes() ([]lio.Attribute, error)
	SetAttribute(name, value string) error
	Parameters() ([]lio.Attribute, error)
	SetParameter(name, value string) error
}

// attributeGroup and parameterGroup are what the kernel lets one change of the object that a node stands for.
var (
	attributeGroup = group{
		name: "attribute", help: "how the kernel treats it",
		list: func(at *node) ([]setting, error) { return settings(at.object.(tunable).Attributes()) },
		set: func(_ context.Context, at *node, name, value string) error {
			return at.object.(tunable).SetAttribute(name, value)
		},
	}
	parameterGroup = group{
		name: "parameter", help: "what is negotiated with initiators",
		list: func(at *node) ([]setting, error) { return settings(at.object.(tunable).Parameters()) },
		set: func(_ context.Context, at *node, name, value string) error {
			return at.object.(tunable).SetParameter(name, value)
		},
	}
)

func settings(all []lio.Attribute, err error) ([]setting, error) {
	var list []setting
	for _, a := range all {
		list = append(list, setting{name: a.Name, value: a.Value, writable: a.Writable})
	}
	return list, err
}
