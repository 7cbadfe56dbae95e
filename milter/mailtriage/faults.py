"""What may be told of a fault of ours."""


def place_of(fault: BaseException) -> str:
    """Class of an exception and the line it came from; never its text, which may quote a mail."""
    trace = fault.__traceback__
    place = ""
    while trace is not None:
        place = f" {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(fault).__name__}{place}"
