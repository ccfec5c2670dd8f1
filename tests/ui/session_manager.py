# SPDX-License-Identifier: GPL-3.0-or-later
"""A session manager as GNOME's is, as far as an application sees it: it takes clients and inhibitors, asks
before the session ends, and ends it."""

import threading
import time

INTERFACES = """
<node>
  <interface name='org.gnome.SessionManager'>
    <method name='RegisterClient'>
      <arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='o' direction='out'/>
    </method>
    <method name='UnregisterClient'><arg type='o' direction='in'/></method>
    <method name='Inhibit'>
      <arg type='s' direction='in'/><arg type='u' direction='in'/><arg type='s' direction='in'/>
      <arg type='u' direction='in'/><arg type='u' direction='out'/>
    </method>
    <method name='Uninhibit'><arg type='u' direction='in'/></method>
    <method name='IsInhibited'><arg type='u' direction='in'/><arg type='b' direction='out'/></method>
    <property name='SessionIsActive' type='b' access='read'/>
  </interface>
  <interface name='org.gnome.SessionManager.ClientPrivate'>
    <method name='EndSessionResponse'><arg type='b' direction='in'/><arg type='s' direction='in'/></method>
    <signal name='QueryEndSession'><arg type='u'/></signal>
    <signal name='EndSession'><arg type='u'/></signal>
    <signal name='CancelEndSession'/>
    <signal name='Stop'/>
  </interface>
</node>
"""
LOGOUT = 1  # flag of an inhibitor


class SessionManager:
    """To be made before the application, on the session bus of the test."""

    def __init__(self):
        from gi.repository import Gio, GLib
        self.glib = GLib
        self.connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        self.registered = 0
        self.clients = {}  # object path: name of the application
        self.inhibitors = {}  # cookie: (reason, flags)
        self.seen = []  # reasons of all inhibitors ever
        self.responses = []
        self.cookies = 0
        # A thread of its own: an application that waits for an answer gives none to AT-SPI.
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(Gio, ready), daemon=True).start()
        ready.wait()

    def _serve(self, gio, ready):
        context = self.glib.MainContext.new()
        context.push_thread_default()
        node = gio.DBusNodeInfo.new_for_xml(INTERFACES)
        self.client_interface = node.interfaces[1]
        self.connection.register_object("/org/gnome/SessionManager", node.interfaces[0], self._call,
                                        lambda *_: self.glib.Variant("b", True), None)
        self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "RequestName", self.glib.Variant("(su)", ("org.gnome.SessionManager", 0)),
                                  None, gio.DBusCallFlags.NONE, -1, None)
        ready.set()
        self.glib.MainLoop.new(context, False).run()

    def _call(self, connection, sender, path, interface, method, parameters, invocation):
        values = parameters.unpack()
        result = None
        if method == "RegisterClient":
            client = f"/org/gnome/SessionManager/Client{self.registered}"
            self.registered += 1
            self.clients[client] = values[0]
            self.connection.register_object(client, self.client_interface, self._call, None, None)
            result = self.glib.Variant("(o)", (client,))
        elif method == "Inhibit":
            self.cookies += 1
            self.inhibitors[self.cookies] = (values[2], values[3])
            self.seen.append(values[2])
            result = self.glib.Variant("(u)", (self.cookies,))
        elif method == "Uninhibit":
            self.inhibitors.pop(values[0], None)
        elif method == "IsInhibited":
            result = self.glib.Variant("(b)", (bool(self.inhibitors),))
        elif method == "EndSessionResponse":
            self.responses.append(values[0])
        invocation.return_value(result)

    def wait(self, what, condition, timeout=20):
        """Waits for a true value of condition()."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"did not come in time: {what}; {self.clients}, {self.inhibitors}")
            time.sleep(0.02)

    def emit(self, name):
        flags = self.glib.Variant("(u)", (0,)) if name.endswith("EndSession") and name[0] != "C" else None
        for client in self.clients:
            self.connection.emit_signal(None, client, "org.gnome.SessionManager.ClientPrivate", name, flags)
        self.connection.flush_sync(None)
