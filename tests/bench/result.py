"""What a scenario found: rows of figures, bars that they are held to, points of a plot."""
import measure

FIGURES = {  # key: (heading, format)
    "rate": ("per second", "{:,.0f}"),
    "messages": ("messages/s", "{:,.0f}"),
    "mib": ("MiB/s", "{:,.0f}"),
    "p50": ("p50 ms", "{:.2f}"),
    "p99": ("p99 ms", "{:.2f}"),
    "worst": ("worst ms", "{:.1f}"),
    "cpu": ("CPU ms each", "{:.3f}"),
    "pss": ("MiB", "{:.1f}"),
    "kib": ("KiB each", "{:.1f}"),
    "share": ("of those without", "{:.2f}"),
    "distance": ("distance", "{:.3f}"),
    "control": ("control", "{:.3f}"),
    "bound": ("bound", "{:.3f}"),
    "of_disk": ("of the disk", "{:.2f}"),
    "of_c": ("of c", "{:.2f}"),
    "of_d": ("of D", "{:.1f}"),
}


class Result:
    def __init__(self, title, text, columns):
        self.title, self.text, self.columns = title, text, list(columns)
        self.rows, self.bars, self.notes, self.plots = [], [], [], []
        self.runs = {}

    def add(self, name, **figures):
        """A row. Figures that are no column are dropped."""
        self.rows.append({"name": name, **{key: value for key, value in figures.items()
                                           if key in self.columns}})
        shown = ", ".join(f"{FIGURES[key][0]} {FIGURES[key][1].format(value)}" for key, value in
                          self.rows[-1].items() if key in FIGURES and value is not None)
        print(f"  {name:<56} {shown}", flush=True)

    def compare(self, runs, key="rate", lowest=False, label=""):
        """A row for each contender, with its ratios to the ceilings and to Dovecot's best."""
        others = {"of_disk": runs.get("disk"), "of_c": runs.get("c"),
                  "of_d": measure.best(runs, "Dovecot", key, lowest)}
        ratios = {}
        for name, rounds in runs.items():
            of = {}
            for column, other in others.items():
                if other is not None and rounds is not other:
                    of[column] = (measure.ratio(other, rounds, key) if lowest
                                  else measure.ratio(rounds, other, key))
            ratios[name] = of
            self.add(label + name, **measure.medians(rounds), **of)
        return ratios

    def bar(self, text, wanted, reached, most=False, unit=""):
        """At least (or at most) so much is wanted."""
        if reached is None:
            return
        met = reached <= wanted if most else reached >= wanted
        self.bars.append({"text": text, "wanted": f"{'at most' if most else 'at least'} {wanted:g}"
                          f"{unit}", "reached": f"{reached:.3g}{unit}", "met": bool(met)})
        print(f"  {'met   ' if met else 'MISSED'} {text}: {self.bars[-1]['wanted']}, "
              f"reached {self.bars[-1]['reached']}", flush=True)

    def note(self, text):
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def plot(self, name, title, x, y, series, explains):
        """`series` is {name: [(x, y)]}; `explains` says why it has its shape."""
        self.plots.append({"name": name, "title": title, "x": x, "y": y, "series": series,
                           "explains": explains})

    def as_json(self):
        return {key: getattr(self, key) for key in
                ("title", "text", "columns", "rows", "bars", "notes", "plots")}
