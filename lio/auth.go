package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Auth is what CHAP knows: whom the target lets in, and who it says it is itself. Empty strings are not set.
type Auth struct {
	UserID, Password             string // the initiator proves to be
	MutualUserID, MutualPassword string // the target proves to be, to initiators that ask
}

// Discovery is CHAP for discovery sessions, which is the same for all targets of a fabric.
type Discovery struct {
	Auth
	Enforced bool
}

var authFiles = [...]string{"userid", "password", "userid_mutual", "password_mutual"}

func (a *Auth) fields() [len(authFiles)]*string {
	return [...]*string{&a.UserID, &a.Password, &a.MutualUserID, &a.MutualPassword}
}

// unset is how the kernel is told of a value that is not set, and tells it.
const unset = "NULL"

func (n node) readAuth() (Auth, error) {
	var a Auth
	for i, v := range a.fields() {
		text, err := n.read(authFiles[i])
		if errors.Is(err, fs.ErrNotExist) {
			return a, nil // a fabric without CHAP
		}
		if err != nil {
			return a, err
		}
		if text != unset {
			*v = text
		}
	}
	return a, nil
}

// Check reports what of a the kernel would not keep as it is.
func (a Auth) Check() error {
	for i, v := range a.fields() {
		switch {
		case len(*v) > 255:
			return fmt.Errorf("%s is too long: at most 255 characters", authFiles[i])
		case strings.HasPrefix(*v, unset):
			return fmt.Errorf("%s begins with %s, which to the kernel is none: choose another", authFiles[i], unset)
		case strings.TrimSpace(*v) != *v || strings.ContainsAny(*v, "\n\x00"):
			return fmt.Errorf("%s: no space at the ends and no line ends, the kernel strips them", authFiles[i])
		}
	}
	return nil
}

func (n node) writeAuth(a Auth) error {
	if err := a.Check(); err != nil {
		return err
	}
	now, err := n.readAuth()
	if err != nil {
		return err
	}
	have := now.fields()
	for i, v := range a.fields() {
		if *v == *have[i] {
			continue
		}
		value := *v
		if value == "" {
			value = unset
		}
		if err := n.write(authFiles[i], value); err != nil {
			return err
		}
	}
	return nil
}

// Auth is the CHAP of initiators without a node ACL.
func (p TPG) Auth() (Auth, error) { return p.child("auth").readAuth() }

// SetAuth sets the CHAP of initiators without a node ACL.
func (p TPG) SetAuth(a Auth) error { return p.child("auth").writeAuth(a) }

// Auth is the initiator's CHAP.
func (a ACL) Auth() (Auth, error) { return a.child("auth").readAuth() }

// SetAuth sets the initiator's CHAP.
func (a ACL) SetAuth(auth Auth) error { return a.child("auth").writeAuth(auth) }

// Discovery is the CHAP of discovery sessions.
func (f Fabric) Discovery() (Discovery, error) {
	dir := f.child("discovery_auth")
	auth, err := dir.readAuth()
	if err != nil {
		return Discovery{}, err
	}
	enforced, err := dir.read("enforce_discovery_auth")
	if errors.Is(err, fs.ErrNotExist) {
		return Discovery{auth, false}, nil
	}
	return Discovery{auth, enforced == "1"}, err
}

// SetDiscovery sets the CHAP of discovery sessions.
func (f Fabric) SetDiscovery(d Discovery) error {
	if !f.Has(ACLs) {
		return fmt.Errorf("%s has no CHAP for discovery", f.Name)
	}
	if err := f.prepare(); err != nil {
		return err
	}
	dir := f.child("discovery_auth")
	if err := dir.writeAuth(d.Auth); err != nil {
		return err
	}
	return dir.write("enforce_discovery_auth", digit(d.Enforced))
}
