package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// authenticated is an object with CHAP of its own: a TPG, for initiators without a node ACL, and a node ACL.
type authenticated interface {
	Auth() (lio.Auth, error)
	SetAuth(lio.Auth) error
}

var authGroup = group{
	name: "auth", help: "CHAP: what initiators have to prove, and with mutual_ the target",
	list: func(at *node) ([]setting, error) {
		auth, err := at.object.(authenticated).Auth()
		return authSettings(auth), err
	},
	set: func(_ context.Context, at *node, name, value string) error {
		auth, err := at.object.(authenticated).Auth()
		if err != nil {
			return err
		}
		if err := setAuth(&auth, name, value); err != nil {
			return err
		}
		return at.object.(authenticated).SetAuth(auth)
	},
}

// discoveryGroup is CHAP for initiators that ask which targets there are.
var discoveryGroup = group{
	name: "discovery_auth", help: "CHAP for discovery: the same for all targets",
	list: func(at *node) ([]setting, error) {
		fabric, err := at.fabric()
		if err != nil {
			return nil, err
		}
		d, err := fabric.Discovery()
		enable := map[bool]string{true: "True", false: "False"}[d.Enforced]
		return append([]setting{{name: "enable", value: enable, writable: true}}, authSettings(d.Auth)...), err
	},
	set: setDiscovery,
}

func setDiscovery(_ context.Context, at *node, name, value string) error {
	fabric, err := at.fabric()
	if err != nil {
		return err
	}
	d, err := fabric.Discovery()
	if err != nil {
		return err
	}
	if name == "enable" {
		d.Enforced, err = parseBool(value)
	} else {
		err = setAuth(&d.Auth, name, value)
	}
	if err != nil {
		return err
	}
	return fabric.SetDiscovery(d)
}

// authFields are the settings of CHAP, with targetcli's names.
func authFields(a *lio.Auth) map[string]*string {
	return map[string]*string{
		"userid": &a.UserID, "password": &a.Password,
		"mutual_userid": &a.MutualUserID, "mutual_password": &a.MutualPassword,
	}
}

func authSettings(a lio.Auth) []setting {
	var list []setting
	for name, value := range authFields(&a) {
		list = append(list, setting{name: name, value: *value, writable: true, secret: strings.HasSuffix(name, "password")})
	}
	slices.SortFunc(list, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	return list
}

func setAuth(a *lio.Auth, name, value string) error {
	if err := checkCHAP(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*authFields(a)[name] = value
	return nil
}

// maxCHAP is how long in bytes the kernel lets names and passwords be.
const maxCHAP = 255

// checkCHAP finds what the kernel would not take, or take for something else: it reads what begins with NULL as not set,
// and the white space around a value is lost.
func checkCHAP(value string) error {
	switch {
	case len(value) > maxCHAP:
		return fmt.Errorf("it has %d bytes: use at most %d", len(value), maxCHAP)
	case strings.HasPrefix(value, "NULL"):
		return errors.New("it begins with NULL, which the kernel takes for none at all: choose another, or give nothing to unset it")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it has blanks or characters beyond ASCII, which initiators read differently: choose another")
	}
	return nil
}

// chapWord tells which sides prove who they are, in targetcli's words.
func chapWord(a lio.Auth) string {
	if a.MutualUserID != "" && a.MutualPassword != "" {
		return "mutual"
	}
	return "1-way"
}
