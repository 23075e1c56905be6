# What a person does to a screen, without a window manager: hand.py DISPLAY escape|close [PROCESS...]
import ctypes
import sys

Id = ctypes.c_ulong
x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
for name in ("XDefaultRootWindow", "XInternAtom"):
    getattr(x11, name).restype = Id
display = ctypes.c_void_p(x11.XOpenDisplay(sys.argv[1].encode()))


class Message(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", Id),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", Id),
        ("about", Id),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    ]


def windows():
    root, parent, found, count = Id(), Id(), ctypes.POINTER(Id)(), ctypes.c_uint()
    top = Id(x11.XDefaultRootWindow(display))
    x11.XQueryTree(display, top, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(found), ctypes.byref(count))
    return [found[place] for place in range(count.value)]


def atom(name):
    return x11.XInternAtom(display, name, 0)


def closes(window):
    """Whether it wants to be asked before it is closed."""
    protocols, count = ctypes.POINTER(Id)(), ctypes.c_int()
    x11.XGetWMProtocols(display, Id(window), ctypes.byref(protocols), ctypes.byref(count))
    return atom(b"WM_DELETE_WINDOW") in [protocols[place] for place in range(count.value)]


def belongs(window):
    """Whether it is one of the processes': others may have theirs on the same screen."""
    kind, form, count, more, found = Id(), ctypes.c_int(), Id(), Id(), ctypes.POINTER(Id)()
    answer = (ctypes.byref(kind), ctypes.byref(form), ctypes.byref(count), ctypes.byref(more), ctypes.byref(found))
    # One cardinal.
    asked = (atom(b"_NET_WM_PID"), ctypes.c_long(0), ctypes.c_long(1), 0, Id(6))
    x11.XGetWindowProperty(display, Id(window), Id(asked[0]), *asked[1:], *answer)
    return count.value == 1 and str(found[0]) in sys.argv[3:]


if sys.argv[2] == "escape":
    xtst = ctypes.CDLL("libXtst.so.6")
    key = x11.XKeysymToKeycode(display, Id(0xFF1B))
    for down in (1, 0):
        xtst.XTestFakeKeyEvent(display, key, down, Id(0))
else:
    for window in filter(belongs, filter(closes, windows())):
        data = (ctypes.c_long * 5)(atom(b"WM_DELETE_WINDOW"))
        message = Message(33, 0, 1, None, window, atom(b"WM_PROTOCOLS"), 32, data)
        x11.XSendEvent(display, Id(window), 0, ctypes.c_long(0), ctypes.byref(message))
x11.XFlush(display)
x11.XCloseDisplay(display)
