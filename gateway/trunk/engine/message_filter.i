// How Python sees message_filter.hpp; included at the end of pjproject's pjsua2.i.

%{
#include "message_filter.hpp"

// The exception that a Python method has raised, as text for the log; it is cleared.
static std::string pythonError()
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    std::string text = "an exception without text";
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = module ? PyObject_CallMethod(module, "format_exception", "OOO", type,
                                                   value ? value : Py_None,
                                                   traceback ? traceback : Py_None)
                             : NULL;
    PyObject *empty = lines ? PyUnicode_FromString("") : NULL;
    PyObject *joined = empty ? PyUnicode_Join(empty, lines) : NULL;
    if (const char *utf8 = joined ? PyUnicode_AsUTF8(joined) : NULL)
        text = utf8;
    PyErr_Clear();
    Py_XDECREF(joined);
    Py_XDECREF(empty);
    Py_XDECREF(lines);
    Py_XDECREF(module);
    Py_XDECREF(traceback);
    Py_XDECREF(value);
    Py_XDECREF(type);
    return text;
}
%}

%feature("director") pj::MessageFilter;
%feature("compactdefaultargs") pj::MessageFilter::answer;

// Unlike pjsua2's own callbacks: the filter must know, so as to let the message pass
%feature("director:except") pj::MessageFilter::onMessage {
    if ($error != NULL) {
        throw std::runtime_error(pythonError());
    }
}
%feature("director:except") pj::MessageFilter::onUnreadable {
    if ($error != NULL) {
        throw std::runtime_error(pythonError());
    }
}

%immutable pj::FilteredMessage::whole;
%immutable pj::FilteredMessage::source;
%immutable pj::FilteredMessage::token;
%ignore pj::MessageFilter::operator=;

%include "message_filter.hpp"
