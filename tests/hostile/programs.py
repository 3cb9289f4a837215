"""Programs that must be stopped or refused. `run` is called without arguments; the doors are `fetch`, which serves
`https://api.example/` and refuses the rest, and `log`."""

from collections.abc import Mapping


def _body(*lines: str) -> str:
    return "def run():\n" + "".join(f"    {line}\n" for line in lines)


_LOOPS: Mapping[str, str] = {
    "endless loop": _body("while True: pass"),
    "endless sum": _body("n = 0", "while True: n += 1"),
    "endless for": _body("for _ in range(10**18): pass"),
    "endless comprehension": _body("return sum([0 for _ in range(10**12)])"),
    "endless at the top": "while True: pass\ndef run(): pass",
    "loop that catches all": _body(
        "while True:", "    try:", "        while True: pass", "    except BaseException: pass"
    ),
    "loop in finally": _body("try:", "    1 // 0", "finally:", "    while True: pass"),
    "loop in repr": "class A:\n    def __repr__(self):\n        while True: pass\ndef run():\n    return repr(A())",
    "loop in eq": "class A:\n    def __eq__(self, o):\n        while True: pass\ndef run():\n    return A() == A()",
    "loop in hash": "class A:\n    def __hash__(self):\n        while True: pass\ndef run():\n    return {A(): 1}",
    "loop in a lambda": _body("f = lambda: [0 for _ in range(10**12)]", "return f()"),
    "mutual recursion with work": "def a(n):\n    return [b(n) for _ in range(99)]\n"
    "def b(n):\n    return [a(n - 1) for _ in range(99)] if n else 0\n"
    "def run():\n    return a(40)",
    "fibonacci": "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\ndef run():\n    return f(60)",
    "busy sleep": _body("import time", "while True: time.sleep(0)"),
    "long sleep": _body("import time", "while True: time.sleep(1000)"),
    "sort by a hostile key": _body("return sorted(range(10**6), key=lambda n: [0 for _ in range(10**6)])"),
    "list that grows as it is read": _body("a = [1]", "for x in a: a.append(x)"),
    "exception flood": _body("while True:", "    try: raise ValueError('x')", "    except ValueError: pass"),
    "endless parse": _body("while True:", "    try: int('9' * 4000)", "    except ValueError: pass"),
}
_MEMORY: Mapping[str, str] = {
    "list growth": _body("a = []", "while True: a.append('x' * 1000)"),
    "list doubling": _body("a = [0]", "while True: a = a + a"),
    "huge list": _body("return len([0] * 10**12)"),
    "huge string": _body("return 'x' * 10**10"),
    "string doubling": _body("a = 'x'", "while True: a += a"),
    "huge bytes": _body("return len(bytes(10**11))"),
    "huge power": _body("return 10 ** 10**9"),
    "power tower": _body("return 9 ** 9 ** 9 ** 9"),
    "huge shift": _body("return 1 << 10**12"),
    "factorial": _body("n = 1", "for i in range(1, 10**7): n *= i", "return n"),
    "squares": _body("n = 3**9999", "while True: n = n * n"),
    "huge format": _body("return f'{1:>9999999999}'"),
    "huge percent format": _body("return '%9999999999d' % 1"),
    "huge ljust": _body("return 'x'.ljust(10**11)"),
    "huge zfill": _body("return '1'.zfill(10**11)"),
    "huge join": _body("return ('x' * 10**6).join(['y'] * 10**6)"),
    "huge replace": _body("return ('x' * 10**6).replace('x', 'y' * 10**6)"),
    "dict growth": _body("d = {}", "n = 0", "while True:", "    n += 1", "    d[n] = [n]"),
    "set growth": _body("s = set()", "n = 0", "while True:", "    n += 1", "    s.add(str(n))"),
    "range into a list": _body("return len(list(range(10**12)))"),
    "tuple repeat": _body("return len((0,) * 10**12)"),
    "nested lists": _body("a = []", "while True: a = [a, a, a]"),
    "closures": _body("f = lambda: 0", "fs = []", "while True: fs.append(lambda x=f: x)"),
    "split": _body("return len(('x ' * 10**7).split())"),
    "exception with a huge text": _body("raise ValueError('x' * 10**9)"),
    "json of a huge list": _body("import json", "return json.dumps([[0] * 1000] * 10**6)"),
    "billion laughs": _body("a = 'lol'", "for _ in range(40): a = a * 10", "return a"),
}
_DEEP: Mapping[str, str] = {
    "recursion": "def f():\n    return f()\ndef run():\n    return f()",
    "recursion that catches itself": "def f():\n    try: return f()\n"
    "    except RecursionError: return f()\ndef run():\n    return f()",
    "lambda recursion": _body("f = lambda g: g(g)", "return f(f)"),
    "recursive repr": "class A:\n    def __repr__(self): return repr(self)\ndef run():\n    return repr(A())",
    "value in itself": _body("a = []", "a.append(a)", "return a"),
    "very deep value": _body("a = []", "for _ in range(5000): a = [a]", "return a"),
    "very deep equality": _body(
        "a = []", "b = []", "for _ in range(100000): a, b = [a], [b]", "return a == b"
    ),
    "very deep json": _body("import json", "return json.loads('[' * 100000 + ']' * 100000)"),
}
_TEXT: Mapping[str, str] = {
    "deep parentheses": "def run(): return " + "(" * 50_000 + "1" + ")" * 50_000,
    "deep lists": "def run(): return " + "[" * 50_000 + "]" * 50_000,
    "long unary": "def run(): return " + "-" * 100_000 + "1",
    "long attribute chain": "def run(): return a" + ".b" * 100_000,
    "long sum": "def run(): return " + "+".join(["1"] * 100_000),
    "huge literal": "def run(): return " + "9" * 200_000,
    "deep blocks": "def run():\n"
    + "".join("  " * (at + 1) + "if 1:\n" for at in range(300))
    + "  " * 301
    + "pass",
    "nested f-strings": "def run(): return " + "f'{" * 200 + "1" + "}'" * 200,
    "too long": "def run(): pass\n" + "#" * 300_000,
    "null": "def run(): return 1\x00",
    "half a character": "def run(): return '\ud800'",
    "not closed": "def run():\n    return '''",
    "look-alike entry": "def r\u0443n(): return 1",
    "no entry": "x = 1",
    "entry in a string": "x = '''\ndef other(): pass\n'''",
    "tabs and spaces": "def run():\n\tif 1:\n        return 1\n\t\treturn 2",
}
_WAYS_OUT: Mapping[str, str] = {
    "class walk": _body("return ().__class__.__bases__[0].__subclasses__()"),
    "mro walk": _body("return ''.__class__.__mro__[-1].__subclasses__()"),
    "getattr walk": _body("return getattr(getattr((), '__cl' + 'ass__'), '__ba' + 'ses__')"),
    "globals of a function": "def f(): pass\ndef run():\n    return f.__globals__['__builtins__']",
    "code of a function": "def f(): pass\ndef run():\n    return f.__code__.co_consts",
    "closure of a door": _body("return fetch.__closure__[0].cell_contents"),
    "globals of a door": _body("return fetch.__globals__"),
    "format walk": _body("return '{0.__class__.__init__.__globals__}'.format(fetch)"),
    "format of a class": _body("return '{0.__class__.__mro__}'.format('')"),
    "traceback walk": _body(
        "try: 1 // 0", "except Exception as e: return e.__traceback__.tb_frame.f_back.f_globals"
    ),
    "builtins": _body("return __builtins__['open']('/etc/passwd').read()"),
    "import builtins": _body("import builtins", "return builtins.open('/etc/passwd').read()"),
    "dunder import": _body("return __import__('os').system('id')"),
    "importlib": _body("import importlib", "return importlib.import_module('os').listdir('/')"),
    "socket": _body("import socket", "return socket.create_connection(('127.0.0.1', 22)).recv(9)"),
    "subprocess": _body("import subprocess", "return subprocess.check_output(['id']).decode()"),
    "ctypes": _body("import ctypes", "return ctypes.string_at(0)"),
    "urllib": _body(
        "import urllib.request", "return urllib.request.urlopen('http://169.254.169.254/').read().decode()"
    ),
    "http client": _body("import http.client", "return http.client.HTTPConnection('127.0.0.1').connect()"),
    "pickle": _body("import pickle", "return pickle.loads(b\"cos\\nsystem\\n(S'id'\\ntR.\")"),
    "threads": _body("import threading", "return threading.Thread(target=run).start()"),
    "multiprocessing": _body("import multiprocessing", "return multiprocessing.cpu_count()"),
    "signal": _body("import signal", "return signal.alarm(0)"),
    "garbage collector": _body("import gc", "return len(gc.get_objects())"),
    "inspect": _body("import inspect", "return inspect.stack()[1].frame.f_globals"),
    "frames": _body("import sys", "return sys._getframe(1).f_globals"),
    "modules": _body("import sys", "return sys.modules['os'].environ"),
    "exit": _body("import sys", "sys.exit(0)"),
    "hard exit": _body("import os", "os._exit(1)"),
    "system": _body("import os", "return os.system('id')"),
    "environment": _body("import os", "return os.environ['PATH']"),
    "getenv": _body("import os", "return os.getenv('PATH')"),
    "list the root": _body("import os", "return os.listdir('/')"),
    "read a file": _body("return open('/etc/passwd').read()"),
    "read by pathlib": _body("from pathlib import Path", "return Path('/proc/self/environ').read_text()"),
    "write a file": _body("open('/srv/plugin-was-here', 'w').write('x')"),
    "delete a file": _body("import os", "os.remove('/srv/x')"),
    "walk": _body("import os", "return next(os.walk('/'))"),
    "eval of a way out": _body("return eval(\"__import__('os').listdir('/')\")"),
    "exec of a way out": _body('exec("import subprocess")', "return 1"),
    "compile": _body("return compile('1', 'x', 'exec').co_code"),
    "unicode name": _body("return ().\uff3f\uff3fclass\uff3f\uff3f.\uff3f\uff3fbases\uff3f\uff3f"),
    "input": _body("return input()"),
    "breakpoint": _body("breakpoint()"),
    "globals": _body("return globals()['__builtins__']"),
    "vars of a door": _body("return vars(fetch)"),
    "metaclass": _body("return type('A', (), {})().__class__.__base__"),
    "inheritance": "class A(dict): pass\ndef run(): return A()",
    "generator frame": "def g():\n    yield 1\ndef run(): return g().gi_frame.f_back",
    "decorator": "@fetch\ndef f(): pass\ndef run(): return f()",
}
_FLOODS: Mapping[str, str] = {
    "print flood": _body("while True: print('x' * 1000)"),
    "print of a huge text": _body("print('x' * 10**7)"),
    "print without a line end": _body("while True: print('x', end='')"),
    "fetch flood": _body("while True: fetch('https://api.example/')"),
    "fetch flood that catches": _body(
        "while True:", "    try: fetch('https://evil.example/')", "    except Exception: pass"
    ),
    "log flood": _body("while True: log('x')"),
    "flood of names that there are not": _body(
        "while True:", "    try: nothing()", "    except NameError: pass"
    ),
    "flood of open": _body("while True:", "    try: open('/etc/passwd')", "    except Exception: pass"),
    "flood of imports": _body("while True:", "    try: import socket", "    except ImportError: pass"),
    "huge answer": _body("return 'x' * 10**6"),
    "huge answer of many": _body("return [0] * 10**6"),
    "fetch of what is not granted": _body("return fetch('https://evil.example/')"),
    "fetch of the metadata": _body("return fetch('http://169.254.169.254/latest/meta-data/')"),
    "fetch of a function": _body("return fetch({1, 2})"),
    "fetch of itself": _body("return fetch(fetch)"),
    "fetch of a deep value": _body(
        "a = []", "for _ in range(5000): a = [a]", "return fetch('https://api.example/', json=a)"
    ),
    "fetch of a huge integer": _body("return fetch('https://api.example/', json=2**70000)"),
    "fetch of a huge text": _body("while True: fetch('https://api.example/', body='x' * 10**7)"),
    "answer with the words of a limit": _body("raise MemoryError('memory limit exceeded: no')"),
    "sort by a bad comparator": "class A:\n    def __lt__(self, o):\n        return True\ndef run():\n"
    "    while True: sorted([A() for _ in range(1000)])",
    "no JSON": _body("return {1, 2}"),
    "no JSON number": _body("return float('nan')"),
    "a function": _body("return run"),
    "a class of its own": "class A: pass\ndef run(): return A()",
    "a key that is a tuple": _body("return {(1, 2): 3}"),
}
_WAITS: Mapping[str, str] = {
    "await in an endless loop": "import asyncio\nasync def run():\n    while True: await asyncio.sleep(0)",
    "await of a long sleep": "import asyncio\nasync def run():\n    while True: await asyncio.sleep(10**6)",
    "many awaits": "import asyncio\nasync def run():\n"
    "    return await asyncio.gather(*[fetch('https://api.example/') for _ in range(10**4)])",
    "await of nothing": "async def run():\n    return await 1",
    "await of itself": "async def run():\n    return await run()",
    "a coroutine as an answer": "async def f(): return 1\nasync def run():\n    return f()",
    "a door that nobody awaits": "async def run():\n    return fetch('https://api.example/')",
    "await outside": "def run():\n    return await fetch('https://api.example/')",
    "deep tasks": "import asyncio\nasync def f():\n    return await asyncio.gather(f(), f())\n"
    "async def run():\n    return await f()",
}

PROGRAMS: Mapping[str, str] = {**_LOOPS, **_MEMORY, **_DEEP, **_TEXT, **_WAYS_OUT, **_FLOODS, **_WAITS}
STOPS: frozenset[str] = frozenset({*_LOOPS, *_MEMORY})
"""Those that end at a limit and in no other way."""
REDOS: Mapping[str, str] = {
    "nested repeat": _body("import re", "return re.match('(a+)+$', 'a' * 40 + '!') is None"),
    "alternation": _body("import re", "return re.match('(a|aa)+$', 'a' * 60 + '!') is None"),
    "back reference": _body("import re", r"return re.match('(a*)*\\1b', 'a' * 40) is None"),
    "dot star chain": _body("import re", "return re.match('.*' * 25 + 'x', 'a' * 5000) is None"),
    "big repeat": _body("import re", "return re.match('(a{1,1000}){1,1000}', 'a' * 5000) is not None"),
}
"""Either answered at once or stopped."""
