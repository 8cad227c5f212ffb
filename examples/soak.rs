//! Simulates lives of a pool, one seed after another, and says what it found.
//!
//! `cargo run --release --example soak -- --seeds 100000 --hours 1`

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pagepool::driver::sim::{SoakReport, soak};

const HELP: &str = "\
Simulates lives of a page pool and checks its rules after every event.

USAGE: soak [OPTIONS]

  --seeds N     how many seeds to run at most (default: no limit)
  --hours H     for how long at most, in real hours; fractions are fine (default: 1 without --seeds and --events)
  --events N    stop after so many events
  --from SEED   the first seed (default: 0)
  --seed SEED   run just this one: repeats what it does, with the shrunk steps and the state if it breaks a rule
  --keep-going  do not stop at the first violation
  --help        this text

Ctrl-C ends it with the summary. The exit status is 1 when a rule was broken, 2 when an argument was wrong.";

struct Arguments {
    first: u64,
    seeds: u64,
    time: Duration,
    events: u64,
    keep_going: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            eprintln!("{complaint}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    if let Err(error) = watch_for_interrupt(&interrupted) {
        eprintln!("Ctrl-C will end this without a summary: {error}");
    }
    // A panic of the machine is a finding, told with its seed below.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let mut told = Instant::now();
    // One line that changes for whoever watches, and a line now and then for a file.
    let live = std::io::stderr().is_terminal();
    let pause = if live {
        Duration::from_millis(200)
    } else {
        Duration::from_secs(5)
    };
    let report = soak(arguments.first.., |report| {
        if told.elapsed() >= pause {
            told = Instant::now();
            progress(report, began.elapsed(), live);
        }
        !interrupted.load(Ordering::Relaxed)
            && report.seeds < arguments.seeds
            && report.tally.events < arguments.events
            && began.elapsed() < arguments.time
            && (arguments.keep_going || report.violations.is_empty())
    });
    let _ = std::panic::take_hook();
    if live {
        eprintln!();
    }
    summary(&report, began.elapsed(), arguments.first);
    if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut seeds = None;
    let mut hours = None;
    let mut arguments = Arguments {
        first: 0,
        seeds: u64::MAX,
        time: Duration::MAX,
        events: u64::MAX,
        keep_going: false,
    };
    while let Some(word) = words.next() {
        let wrong = |text: &str| format!("{word} needs a number, not {text:?}");
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--keep-going" => arguments.keep_going = true,
            "--hours" | "--seeds" | "--from" | "--seed" | "--events" => {
                let text = words
                    .next()
                    .ok_or_else(|| format!("{word} needs a number"))?
                    .replace('_', "");
                if word == "--hours" {
                    let value = text.parse().ok().filter(|hours: &f64| *hours >= 0.0);
                    hours = Some(value.ok_or_else(|| wrong(&text))?);
                    continue;
                }
                let value = text.parse().map_err(|_| wrong(&text))?;
                match word.as_str() {
                    "--seeds" => seeds = Some(value),
                    "--events" => arguments.events = value,
                    "--from" => arguments.first = value,
                    _ => {
                        arguments.first = value;
                        seeds = Some(1);
                    }
                }
            }
            _ => return Err(format!("there is no option {word:?}")),
        }
    }
    let bounded = seeds.is_some() || arguments.events < u64::MAX;
    arguments.seeds = seeds.unwrap_or(u64::MAX);
    if let Some(hours) = hours.or((!bounded).then_some(1.0)) {
        arguments.time = Duration::try_from_secs_f64(hours * 3_600.0).unwrap_or(Duration::MAX);
    }
    Ok(Some(arguments))
}

fn watch_for_interrupt(interrupted: &Arc<AtomicBool>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let interrupted = Arc::clone(interrupted);
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            interrupted.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn progress(report: &SoakReport, elapsed: Duration, on_terminal: bool) {
    let rate = report.tally.events as f64 / elapsed.as_secs_f64();
    let line = format!(
        "{:>6.0} s  {} seeds  {} events  {rate:.0} events/s  {:.0} simulated hours  {} violations",
        elapsed.as_secs_f64(),
        report.seeds,
        report.tally.events,
        report.tally.simulated_ms as f64 / 3_600_000.0,
        report.violations.len(),
    );
    if on_terminal {
        eprint!("\r{line}\x1b[K");
        // What cannot be shown does not matter.
        let _ = std::io::stderr().flush();
    } else {
        eprintln!("{line}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn summary(report: &SoakReport, elapsed: Duration, first: u64) {
    println!("seeds              {} from {first}", report.seeds);
    println!("{}", report.tally);
    println!(
        "events a second    {:.0}",
        report.tally.events as f64 / elapsed.as_secs_f64().max(0.001)
    );
    println!("violations         {}", report.violations.len());
    for found in &report.violations {
        println!("\n{found}");
        println!(
            "again: cargo run --release --example soak -- --seed {}",
            found.seed
        );
    }
}
