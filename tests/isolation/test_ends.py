"""Every way in which a submission can end has its status and its reason."""

import re
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ({"fit": "time.sleep(60)"}, "timeout", "fit took longer than its deadline of 1.5 s and was stopped"),
        ({"top": "time.sleep(60)"}, "timeout", "unsupported took longer than its deadline of 1.5 s and was stopped"),
        ({"fit": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass"}, "timeout", "fit took longer than its deadline of 1.5 s"),
        ({"fit": "while True: print('x' * 100)"}, "timeout", "fit took longer than its deadline of 1.5 s and was stopped"),
        ({"fit": "raise SystemExit(3)"}, "crash", "fit raised SystemExit: 3"),
        ({"top": "raise SystemExit(3)"}, "crash", "unsupported raised SystemExit: 3"),
        ({"fit": "raise KeyboardInterrupt"}, "crash", "fit raised KeyboardInterrupt"),
        ({"fit": "os._exit(7)"}, "crash", "the process ended during fit (exit status 7)"),
        ({"fit": "import ctypes; ctypes.string_at(0)"}, "crash", "the process ended during fit (signal SIGSEGV)"),
        ({"fit": "os.abort()"}, "crash", "the process ended during fit (signal SIGABRT)"),
        ({"fit": "os.closerange(0, 64)"}, "crash", "the process ended during fit"),
        ({"fit": "raise ValueError('x' * 10_000_000)"}, "crash", "fit raised ValueError: xxx"),
        ({"fit": "raise MemoryError('all')"}, "oom", "fit raised MemoryError: all"),
        ({"fit": "raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried')"}, "oom", "fit raised RuntimeError"),
        ({"forecast": "answer = answer.tolist()"}, "invalid_output", "forecast returned list; a NumPy array of floats"),
        ({"forecast": "answer = answer.astype(object)"}, "invalid_output", "forecast returned an array of dtype object; real numbers"),
        ({"forecast": "answer = answer.astype('U8')"}, "invalid_output", "forecast returned an array of dtype <U8; real numbers"),
        ({"forecast": "answer = answer[:, 0]"}, "invalid_output", "returned shape (6, "),
        ({"forecast": "answer = np.zeros((1_000_000,))"}, "invalid_output", "arrays of 8000000 bytes; at most"),
        ({"forecast": "answer[0, 0, 0, 0] = np.nan"}, "nonfinite", "1 of 6 windows left the attractor's range, the first at sample 0 (1 non-finite)"),
        ({"fit": "sys.stdout.close(); os.close(1)"}, "ok", ""),
        ({"fit": "sys.stderr.close(); os.close(2)"}, "ok", ""),
        ({"fit": "sys.stdin.read()"}, "ok", ""),
    ],
    ids=lambda value: next(iter(value.values()))[:40] if isinstance(value, dict) else "",
)
def test_every_end_has_its_status(hostile: Any, code: dict[str, str], status: str, reason: str) -> None:
    seconds = 1.5 if status == "timeout" else 60.0
    ended = hostile.run(**code, fit_deadline=seconds, forecast_deadline=seconds)
    assert ended.status == status
    assert reason in ended.reason
    assert "\n" not in ended.reason


def test_all_calls_together_have_a_deadline(hostile: Any) -> None:
    ended = hostile.run(fit="time.sleep(1)", forecast="time.sleep(60)", cell_deadline=2.5)
    assert ended.status == "timeout"
    assert "forecast took longer than the 2.5 s of all calls and was stopped" in ended.reason


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("struct.pack('<Q', 1 << 40)", "invalid_output", "left no readable answer (a header of 1099511627776 bytes"),
        ("struct.pack('<Q', 3) + b'{{{'", "invalid_output", "left no readable answer (not a message"),
        ("pickle.dumps(print)", "invalid_output", "left no readable answer (a header of"),
        ('framed(\'{"arrays": [["<f8", [1e999]]]}\')', "invalid_output", "left no readable answer (not a message"),
        ('framed(\'{"arrays": [["|O", [1000000]]]}\')', "invalid_output", "left no readable answer (an array of dtype |O"),
    ],
)
def test_what_it_writes_into_the_pipe_itself_harms_nobody(hostile: Any, words: str, status: str, said: str) -> None:
    code = f"""
        import pickle, struct
        def framed(text): return struct.pack("<Q", len(text)) + text.encode()
        for number in range(3, 32):
            try: os.write(number, {words})
            except OSError: pass
        time.sleep(5)
    """
    ended = hostile.run(fit=code)
    assert (ended.status, said in ended.reason) == (status, True), ended.reason


def test_thirty_megabytes_of_printing_leave_their_last_words(hostile: Any) -> None:
    ended = hostile.run(fit="for _ in range(300): print('x' * 100_000)\nprint('last words', flush=True)")
    assert (ended.status, ended.reason) == ("ok", "")
    assert ended.log.endswith("last words")


def test_the_environment_holds_nothing_of_the_users(hostile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    ended = hostile.run(fit="print(*sorted(os.environ)); print(os.getcwd() == os.environ['HOME'], os.listdir('.'))")
    assert "SECRET_TOKEN" not in ended.log
    assert "True []" in ended.log


@pytest.mark.slow
def test_numba_works_inside_and_keeps_its_cache_in_the_scratch(hostile: Any) -> None:
    top = """
        import numba
        @numba.njit(cache=True)
        def repeated(context, horizon):
            answer = np.empty((len(context), 1, horizon, context.shape[2]))
            for window in range(len(context)):
                answer[window, 0] = context[window, -1]
            return answer
    """
    ended = hostile.run(top=top, forecast="answer = repeated(context, horizon); print(os.listdir(os.environ['NUMBA_CACHE_DIR']) != [])")
    assert (ended.status, ended.reason) == ("ok", "")
    assert ended.log.endswith("True")


@pytest.mark.slow
def test_torch_works_inside(hostile: Any) -> None:
    pytest.importorskip("torch")
    fit = """
        import torch
        states = torch.as_tensor(training.states[0].copy())
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(states), batch_size=50, num_workers=1)
        print("batches", sum(1 for _ in loader))  # through /dev/shm, from a process of its own; before any thread starts
        sys.stdout.flush()
        self.model = torch.nn.Linear(2, 2).double()
        optimiser = torch.optim.Adam(self.model.parameters())
        for _ in range(3):
            optimiser.zero_grad()
            (self.model(states[:-1]) - states[1:]).square().mean().backward()
            optimiser.step()
    """
    ended = hostile.run(fit=fit, fit_deadline=20.0)
    assert (ended.status, ended.reason) == ("ok", ""), ended.log
    assert re.search(r"batches [1-9]", ended.log)
