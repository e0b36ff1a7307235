//! Charts as shapes of an SVG. Numbers come from files: none is trusted to be finite, positive or in order.

use serde::Serialize;

/// Width of every chart, in its own unit.
const WIDTH: f64 = 960.0;
/// Room for the names of rows, and for values after bars.
const NAMES: f64 = 260.0;
const VALUES: f64 = 110.0;
/// Height of a row.
const ROW: f64 = 22.0;
/// Height of a plot that has no rows.
const PLOT: f64 = 260.0;
/// Letters of a name that fit.
const LETTERS: usize = 40;

/// One shape: what `at` means follows from the kind.
#[derive(Debug, Serialize)]
pub struct Shape {
    kind: &'static str,
    class: &'static str,
    at: Vec<String>,
    text: String,
}

/// A chart.
#[derive(Debug, Serialize)]
pub struct Chart {
    width: String,
    height: String,
    /// What it shows, for who does not see it.
    label: String,
    shapes: Vec<Shape>,
}

/// A bar with its name.
#[derive(Debug, Default)]
pub struct Bar {
    /// Name.
    pub name: String,
    /// Length.
    pub value: f64,
    /// The value for people.
    pub shown: String,
    /// The most that it may be.
    pub limit: Option<f64>,
}

/// Begin and end in seconds, and whether it is a part.
#[derive(Debug)]
pub struct Interval {
    /// Name.
    pub name: String,
    /// Begin and end.
    pub spans: Vec<[f64; 2]>,
    /// Whether it is a part of what stands before it.
    pub part: bool,
    /// The time for people.
    pub shown: String,
}

/// A finite number that is not negative.
fn clean(value: f64) -> f64 {
    match value.is_finite() {
        true => value.max(0.0),
        false => 0.0,
    }
}

/// A number that is not zero, to divide by.
fn whole(value: f64) -> f64 {
    match clean(value) {
        v if v > 0.0 => v,
        _ => 1.0,
    }
}

fn unit(value: f64) -> String {
    format!("{value:.1}")
}

impl Chart {
    fn new(label: &str, height: f64) -> Self {
        Self {
            width: unit(WIDTH),
            height: unit(height),
            label: label.into(),
            shapes: vec![],
        }
    }

    fn push(&mut self, kind: &'static str, class: &'static str, at: &[f64], text: &str) {
        self.shapes.push(Shape {
            kind,
            class,
            at: at.iter().copied().map(unit).collect(),
            text: text.into(),
        });
    }

    fn name(&mut self, text: &str, x: f64, y: f64) {
        let mut short: String = text.chars().take(LETTERS).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        self.push("text", "start", &[x, y], &short);
    }

    /// Bars, each with the limit that it has; all on one scale, of values and limits, or of values alone where a limit would
    /// make them invisible.
    pub fn bars(label: &str, bars: &[Bar]) -> Self {
        let mut chart = Self::new(label, bars.len() as f64 * ROW + 6.0);
        let values = bars.iter().map(|b| clean(b.value));
        let limits = bars.iter().filter_map(|b| b.limit).map(clean);
        let scale = whole(values.chain(limits).fold(0.0, f64::max));
        let room = WIDTH - NAMES - VALUES;
        for (index, bar) in bars.iter().enumerate() {
            let y = index as f64 * ROW + 3.0;
            let long = clean(bar.value) / scale * room;
            chart.name(&bar.name, 0.0, y + 14.0);
            if let Some(limit) = bar.limit.map(clean) {
                let wide = limit / scale * room;
                chart.push(
                    "rect",
                    "free",
                    &[NAMES, y + 2.0, wide, ROW - 6.0],
                    "up to the limit",
                );
                chart.push(
                    "rect",
                    "main",
                    &[NAMES, y + 2.0, long, ROW - 6.0],
                    &bar.shown,
                );
                let x = NAMES + wide;
                chart.push("line", "limit", &[x, y, x, y + ROW - 2.0], "");
            } else {
                chart.push(
                    "rect",
                    "main",
                    &[NAMES, y + 2.0, long, ROW - 6.0],
                    &bar.shown,
                );
            }
            let after = NAMES + long.max(bar.limit.map_or(0.0, |l| clean(l) / scale * room));
            chart.push("text", "start", &[after + 6.0, y + 14.0], &bar.shown);
        }
        chart
    }

    /// What fills one whole, piece by piece; the last one is what is free.
    pub fn stack(label: &str, pieces: &[Bar]) -> Self {
        const CLASSES: [&str; 4] = ["main", "other", "third", "part"];
        let mut chart = Self::new(label, 3.0 * ROW + pieces.len() as f64 * ROW);
        // In parts of the largest first: the sum of finite numbers may be none.
        let most = whole(pieces.iter().map(|p| clean(p.value)).fold(0.0, f64::max));
        let total = whole(pieces.iter().map(|p| clean(p.value) / most).sum());
        let mut x = 0.0;
        for (index, piece) in pieces.iter().enumerate() {
            let class = match index + 1 == pieces.len() {
                true => "free",
                false => CLASSES.get(index % CLASSES.len()).unwrap_or(&"main"),
            };
            let wide = clean(piece.value) / most / total * WIDTH;
            chart.push("rect", class, &[x, 4.0, wide, 1.6 * ROW], &piece.shown);
            x += wide;
            let y = (index as f64 + 2.0) * ROW + 8.0;
            chart.push("rect", class, &[0.0, y, 14.0, 14.0], &piece.shown);
            chart.name(&piece.name, 22.0, y + 12.0);
            chart.push("text", "start", &[NAMES, y + 12.0], &piece.shown);
        }
        chart
    }

    /// Stages over time, and below them memory.
    pub fn timeline(label: &str, rows: &[Interval], memory: &[(f64, u64)]) -> Self {
        let under = if memory.is_empty() { 0.0 } else { 120.0 };
        let top = rows.len() as f64 * ROW;
        let mut chart = Self::new(label, top + under + 26.0);
        let ends = rows.iter().flat_map(|r| &r.spans).map(|s| s[1]);
        let ends = ends.chain(memory.iter().map(|m| m.0));
        let end = whole(ends.map(clean).fold(0.0, f64::max));
        let room = WIDTH - NAMES - VALUES;
        let x = |seconds: f64| NAMES + clean(seconds).min(end) / end * room;
        for (index, row) in rows.iter().enumerate() {
            let y = index as f64 * ROW;
            let (class, indent) = if row.part {
                ("part", 14.0)
            } else {
                ("main", 0.0)
            };
            chart.name(&row.name, indent, y + 15.0);
            let mut last = NAMES;
            for [begin, end] in &row.spans {
                let wide = (x(*end) - x(*begin)).max(1.0);
                chart.push(
                    "rect",
                    class,
                    &[x(*begin), y + 4.0, wide, ROW - 8.0],
                    &row.shown,
                );
                last = last.max(x(*begin) + wide);
            }
            chart.push("text", "start", &[last + 6.0, y + 15.0], &row.shown);
        }
        if !memory.is_empty() {
            chart.memory(memory, top + 8.0, under - 16.0, &x);
        }
        let base = top + under;
        chart.push("line", "axis", &[NAMES, base, NAMES + room, base], "");
        for step in 0..=4 {
            let seconds = end * f64::from(step) / 4.0;
            let text = format!("{seconds:.1} s");
            chart.push("text", "middle", &[x(seconds), base + 16.0], &text);
        }
        chart
    }

    fn memory(&mut self, memory: &[(f64, u64)], top: f64, height: f64, x: &dyn Fn(f64) -> f64) {
        let most = memory.iter().map(|m| m.1).max().unwrap_or_default();
        let scale = whole(most as f64);
        let point = |(seconds, bytes): &(f64, u64)| {
            let y = top + height - *bytes as f64 / scale * height;
            format!("{},{}", unit(x(*seconds)), unit(y))
        };
        let points: Vec<String> = memory.iter().map(point).collect();
        self.push("curve", "memory", &[], &points.join(" "));
        self.name("memory in use", 0.0, top + height / 2.0);
        let text = format!("{} at most", crate::measure::size(most));
        self.push("text", "end", &[WIDTH, top + 12.0], &text);
    }

    /// Counts in equal bins from 0 to `largest`.
    pub fn histogram(label: &str, counts: &[usize], largest: f64) -> Self {
        let mut chart = Self::new(label, PLOT + 30.0);
        let most = whole(counts.iter().copied().max().unwrap_or_default() as f64);
        let (left, wide) = (60.0, (WIDTH - 80.0) / counts.len().max(1) as f64);
        for (index, count) in counts.iter().enumerate() {
            let tall = *count as f64 / most * (PLOT - 20.0);
            let x = left + index as f64 * wide;
            let at = [x + 1.0, PLOT - tall, wide - 2.0, tall];
            chart.push("rect", "main", &at, &format!("{count} rows"));
        }
        chart.push("line", "axis", &[left, PLOT, WIDTH - 20.0, PLOT], "");
        chart.push("text", "middle", &[left, PLOT + 18.0], "0");
        let end = [WIDTH - 20.0, PLOT + 18.0];
        chart.push("text", "end", &end, &format!("error {largest:.3e}"));
        chart.push("text", "end", &[left - 6.0, 24.0], &format!("{most:.0}"));
        chart
    }

    /// Points of two numbers each, and the line on which they are equal.
    pub fn scatter(label: &str, points: &[(f64, f64, String)]) -> Self {
        let mut chart = Self::new(label, 1.5 * PLOT + 40.0);
        let all = points.iter().flat_map(|p| [p.0, p.1]);
        let all = all.filter(|v| v.is_finite());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // Halves, as the difference of two finite numbers may be none.
        let wide = whole(high / 2.0 - low / 2.0);
        let (left, side) = (80.0, 1.5 * PLOT);
        let room = WIDTH - left - 20.0;
        let part = |v: f64| ((v / 2.0 - low / 2.0) / wide).clamp(0.0, 1.0);
        chart.push("line", "axis", &[left, side, left + room, side], "");
        chart.push("line", "axis", &[left, 8.0, left, side], "");
        chart.push("line", "limit", &[left, side, left + room, 8.0], "");
        for (float, integer, text) in points {
            if float.is_finite() && integer.is_finite() {
                let (x, y) = (part(*float) * room, part(*integer) * (side - 8.0));
                chart.push("dot", "dot", &[left + x, side - y, 3.0], text);
            }
        }
        let below = side + 18.0;
        chart.push("text", "start", &[left, below], &format!("{low:.4}"));
        chart.push("text", "end", &[left + room, below], &format!("{high:.4}"));
        let middle = [left + room / 2.0, below];
        chart.push("text", "middle", &middle, "float model");
        chart.push("text", "end", &[left - 6.0, side / 2.0], "program");
        chart
    }

    /// How many shapes there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shapes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every coordinate of every shape is a number, and none is far outside.
    fn sane(chart: &Chart) {
        assert!(chart.len() > 0);
        let numbers = chart.shapes.iter().flat_map(|s| &s.at);
        let curves = chart.shapes.iter().filter(|s| s.kind == "curve");
        let points = curves.flat_map(|s| s.text.split([' ', ',']).map(str::to_owned));
        for text in numbers.cloned().chain(points) {
            let value: f64 = text.parse().unwrap_or_else(|e| panic!("{e}: {text}"));
            assert!((-1e-9..1e6).contains(&value), "{text}");
        }
    }

    #[test]
    fn no_number_of_a_file_breaks_a_chart() {
        let odd = [
            0.0,
            -1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e308,
            -1e308,
            1e-308,
        ];
        for a in odd {
            for b in odd {
                let bar = |limit| Bar {
                    name: "x".into(),
                    value: a,
                    limit,
                    ..Bar::default()
                };
                sane(&Chart::bars("l", &[bar(Some(b)), bar(None)]));
                sane(&Chart::stack("l", &[bar(None), bar(Some(b)), bar(None)]));
                let row = Interval {
                    name: "x".into(),
                    spans: vec![[a, b], [b, a]],
                    part: false,
                    shown: String::new(),
                };
                sane(&Chart::timeline("l", &[row], &[(a, 0), (b, u64::MAX)]));
                sane(&Chart::histogram("l", &[0, usize::MAX], b));
                let points = [(a, b, String::new()), (b, a, String::new())];
                sane(&Chart::scatter("l", &points));
            }
        }
        sane(&Chart::scatter("l", &[]));
        sane(&Chart::timeline("l", &[], &[]));
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bar = |value, limit| Bar {
            name: "n".repeat(100),
            value,
            shown: "s".into(),
            limit,
        };
        let chart = Chart::bars("l", &[bar(50.0, Some(100.0)), bar(25.0, None)]);
        let bars = chart.shapes.iter().filter(|s| s.class == "main");
        let long: Vec<f64> = bars.map(|s| s.at[2].parse().unwrap()).collect();
        assert_eq!(long[0], 2.0 * long[1]);
        assert!(chart.shapes.iter().any(|s| s.class == "limit"));
        let name = chart.shapes.iter().find(|s| s.kind == "text").unwrap();
        assert_eq!(name.text.chars().count(), LETTERS + 1);
    }
}
