package dbus

import (
	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"
	"github.com/godbus/dbus/v5/prop"
)

// export puts our objects on the bus: one for each handler, at the place where targetcli looks and at that where
// tcmu-runner does, and the one that lists them.
func (s *service) export() error {
	if err := s.conn.Export(objectManager{s}, servicePath, objectManagerInterface); err != nil {
		return err
	}
	for _, h := range s.handlers {
		for _, parent := range []dbus.ObjectPath{servicePath, managerPath} {
			if err := exportHandler(s.conn, h, parent+"/"+dbus.ObjectPath(h.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func exportHandler(conn *dbus.Conn, h Handler, path dbus.ObjectPath) error {
	if err := conn.Export(checker{h}, path, serviceName); err != nil {
		return err
	}
	properties, err := prop.Export(conn, path, prop.Map{serviceName: {"ConfigDesc": {Value: h.Description}}})
	if err != nil {
		return err
	}
	node := &introspect.Node{Name: string(path), Interfaces: []introspect.Interface{
		introspect.IntrospectData, prop.IntrospectData,
		{Name: serviceName, Methods: introspect.Methods(checker{h}), Properties: properties.Introspection(serviceName)},
	}}
	return conn.Export(introspect.NewIntrospectable(node), path, "org.freedesktop.DBus.Introspectable")
}

// checker is the interface of a handler.
type checker struct{ h Handler }

// CheckConfig says whether a device can be made with the configuration string config, and why not.
func (c checker) CheckConfig(config string) (valid bool, message string, _ *dbus.Error) {
	if err := c.h.Check(config); err != nil {
		return false, err.Error(), nil
	}
	return true, "success", nil
}

const objectManagerInterface = "org.freedesktop.DBus.ObjectManager"

// objects is what an object manager answers: paths, interfaces, properties.
type objects map[dbus.ObjectPath]map[string]map[string]dbus.Variant

// objectManager lists the handlers.
type objectManager struct{ s *service }

// GetManagedObjects lists our handlers or, when tcmu-runner has come since, what tcmu-runner says, ours among it.
func (m objectManager) GetManagedObjects() (objects, *dbus.Error) {
	owner, err := m.s.yield()
	if err != nil {
		return nil, dbus.MakeFailedError(err)
	}
	all := make(objects)
	if owner != "" {
		call := m.s.conn.Object(owner, servicePath).Call(objectManagerInterface+".GetManagedObjects", dbus.FlagNoAutoStart)
		if err := call.Store(&all); err != nil {
			return nil, dbus.MakeFailedError(err)
		}
		return all, nil
	}
	for _, h := range m.s.handlers {
		properties := map[string]dbus.Variant{"ConfigDesc": dbus.MakeVariant(h.Description)}
		all[servicePath+"/"+dbus.ObjectPath(h.Name)] = map[string]map[string]dbus.Variant{serviceName: properties}
	}
	return all, nil
}
