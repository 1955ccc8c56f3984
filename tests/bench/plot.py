"""Small plots as SVG: lines through points, y from 0, x logarithmic where it spans much."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 36, 36, 48
COLOURS = ("#1b6ca8", "#c8553d", "#588157", "#7b5ea7")


def steps(most):
    """Round numbers from 0 to `most` or a little more: about five of them."""
    unit = 10 ** math.floor(math.log10(most / 4))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor * 5 >= most)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


class Scale:
    """From figures to positions."""

    def __init__(self, low, high, begin, end, logarithmic):
        self.of = math.log10 if logarithmic else float
        self.low, self.span = self.of(low), self.of(high) - self.of(low) or 1
        self.begin, self.length = begin, end - begin

    def __call__(self, value):
        return self.begin + self.length * (self.of(value) - self.low) / self.span


def text(x, y, words, anchor="middle", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}>{escape(words)}</text>'


def line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def curve(points, colour, x, y):
    places = [(x(a), y(b)) for a, b in points]
    yield (f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
           + " ".join(f"{a:.1f},{b:.1f}" for a, b in places) + '"/>')
    for a, b in places:
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>'


def svg(plot):
    """A plot of a result as SVG."""
    points = [point for series in plot["series"].values() for point in series]
    xs, ys = sorted({point[0] for point in points}), steps(max(point[1] for point in points))
    logarithmic = xs[0] > 0 and xs[-1] / xs[0] > 8
    x = Scale(xs[0], xs[-1], LEFT, WIDTH - RIGHT, logarithmic)
    y = Scale(ys[0], ys[-1], HEIGHT - BOTTOM, TOP, False)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(WIDTH / 2, 20, plot["title"]), text(WIDTH / 2, HEIGHT - 8, plot["x"]),
           text(14, HEIGHT / 2, plot["y"], turn=f' transform="rotate(-90 14 {HEIGHT / 2:.0f})"')]
    for value in ys:
        out += [line(LEFT, y(value), WIDTH - RIGHT, y(value), "#ddd"),
                text(LEFT - 6, y(value) + 4, f"{value:,g}", "end")]
    for value in xs:
        out.append(text(x(value), HEIGHT - BOTTOM + 18, f"{value:,.10g}"))
    for number, (name, series) in enumerate(plot["series"].items()):
        colour = COLOURS[number % len(COLOURS)]
        out += curve(series, colour, x, y)
        out.append(f'<g fill="{colour}">{text(LEFT + 8 + 140 * number, TOP + 12, name, "start")}</g>')
    return "\n".join([*out, "</svg>"]) + "\n"
