// Package guest holds the tests against the real kernel. They run as root in
// the virtual machine ("make vmtest"), with tcmud and tcmuctl in PATH, and are
// built with the tag guest only.
package guest
