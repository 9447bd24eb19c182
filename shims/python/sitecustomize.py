"""Found by Python's `site` through PYTHONPATH: makes the program live, and gives way to the next of its name.

Afterwards `sys.path` and `sys.modules` are as if this file were not there: another `sitecustomize` (of a
distribution, a virtual environment, or the user's own PYTHONPATH) is found where Python would have found it,
and what it raises, or that there is none, `site` reports in its own words.

For Python 2.7 and all that came after; loads nothing that the interpreter has not loaded itself.
"""

import sys  # pragma: no cover - with which no line of here changes what somebody measures of his own program


def _start(here):  # pragma: no cover
    try:
        _load("_authsome_live", here).start()
    except Exception:  # the program is worth more than its freshness
        pass
    # Held to the end: Python 2 empties a module that nobody holds, also while it is being executed.
    myself = sys.modules.pop("sitecustomize", None)
    others = [entry for entry in sys.path if entry != here]
    if len(others) == len(sys.path):  # found in another way, so it would be found again
        error = ImportError("No module named sitecustomize")
        error.name = "sitecustomize"  # `site` asks for it, in Python 3
        raise error
    sys.path[:] = others
    sys.path_importer_cache.pop(here, None)
    import sitecustomize  # the next one; an ImportError says to `site` that there is none

    return myself, sitecustomize


def _load(name, here):  # pragma: no cover
    """Under the name of no file: what has none is left out of what is measured, in Python 3.8 and after."""
    if name not in sys.modules and sys.version_info >= (3, 8):
        loader = sys.modules["_frozen_importlib_external"].SourceFileLoader(name, here + "/" + name + ".py")
        code = _without_file(loader.get_code(name))
        module = sys.modules[name] = type(sys)(name)
        exec(code, module.__dict__)
    return __import__(name)


def _without_file(code):  # pragma: no cover
    inner = [_without_file(each) if isinstance(each, type(code)) else each for each in code.co_consts]
    return code.replace(co_filename="<authsome live>", co_consts=tuple(inner))


_start(__file__.rpartition("/")[0])  # pragma: no cover
