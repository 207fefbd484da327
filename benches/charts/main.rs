//! Draws what benchmarks found: of each file of figures a chart, with a bar for every ratio and a mark where it should be.
//!
//! `cargo bench --bench charts -- RESULT.json... FOLDER` writes `FOLDER/RESULT.svg`; `make bench` does so with all of them.
#![expect(clippy::print_stderr, reason = "this is a report")]

use serde_json::Value;
use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Of the drawing, in its own units.
const WIDTH: f64 = 860.0;
const LABELS: f64 = 380.0;
const BARS: f64 = 360.0;
const ROW: f64 = 26.0;
const TOP: f64 = 40.0;

/// A ratio that should be so.
struct Bar {
    name: String,
    value: f64,
    target: f64,
    at_most: bool,
    met: bool,
}

fn bars(figures: &Value) -> Vec<Bar> {
    let bar = |figure: &Value| {
        let target = figure.get("target")?;
        Some(Bar {
            name: figure.get("name")?.as_str()?.to_owned(),
            value: figure.get("value")?.as_f64().filter(|_| figure["unit"] == "x")?,
            target: target.get("value")?.as_f64()?,
            at_most: target.get("at_most")?.as_bool()?,
            met: target.get("met")?.as_bool()?,
        })
    };
    let figures = figures.get("figures").and_then(Value::as_array);
    figures.into_iter().flatten().filter_map(bar).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[expect(clippy::cast_precision_loss, reason = "there are few bars")]
fn draw(title: &str, bars: &[Bar]) -> Outcome<String> {
    let height = TOP + ROW * bars.len() as f64 + 30.0;
    let most = bars.iter().map(|bar| bar.value.max(bar.target)).fold(1.0, f64::max);
    let scale = BARS / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<title>{0}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"15\" font-weight=\"bold\" fill=\"#1b2a33\">{0}</text>\n",
        escaped(title)
    );
    for (at, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * at as f64;
        let (width, mark) = (bar.value * scale, LABELS + bar.target * scale);
        let fill = if bar.met { "#2a9d8f" } else { "#e76f51" };
        let sign = if bar.at_most { "≤" } else { "≥" };
        let middle = y + ROW * 0.62;
        writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{middle:.1}\" text-anchor=\"end\" fill=\"#1b2a33\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"2\" fill=\"{fill}\"/>\n\
             <line x1=\"{mark:.1}\" x2=\"{mark:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#1b2a33\" stroke-width=\"2\"/>\n\
             <text x=\"{:.1}\" y=\"{middle:.1}\" fill=\"#1b2a33\">{:.2} ({sign} {})</text>",
            LABELS - 10.0,
            escaped(&bar.name),
            y + 4.0,
            ROW - 8.0,
            y + 1.0,
            y + ROW - 1.0,
            LABELS + width.max(bar.target * scale) + 8.0,
            bar.value,
            bar.target,
        )?;
    }
    let foot = height - 10.0;
    writeln!(
        svg,
        "<text x=\"12\" y=\"{foot:.1}\" font-size=\"11\" fill=\"#5b6b73\">Ratios within one run; the mark is where each \
         should be at most (≤) or at least (≥).</text>\n</svg>"
    )?;
    Ok(svg)
}

fn main() -> Outcome {
    // What cargo says to every benchmark.
    let mut paths: Vec<PathBuf> = env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .map(PathBuf::from)
        .collect();
    let folder = paths
        .pop()
        .filter(|_| !paths.is_empty())
        .ok_or("usage: RESULT.json... FOLDER")?;
    fs::create_dir_all(&folder)?;
    for path in paths {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .ok_or("a result has no name")?;
        let bars = bars(&serde_json::from_str(&fs::read_to_string(&path)?)?);
        let chart = Path::new(&folder).join(format!("{name}.svg"));
        fs::write(&chart, draw(name, &bars)?)?;
        eprintln!("{}", chart.display());
    }
    Ok(())
}
