//! Times what the Chromium driver does most: a launch, a standby from nothing, a probe, and the closes.
//!
//! `cargo run --release --no-default-features --example chromium_timings -- [rounds]`

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pagepool::capture::{ConsoleErrorEntry, ConsoleErrors};
use pagepool::cdp::io;
use pagepool::driver::chromium::{
    BrowserManager, BrowserOptions, ChromiumDriver, ConsoleLine, ConsoleSink, DriverOptions,
};
use pagepool::driver::{Driver, Outcomes, StandbyPage};
use pagepool::page::ContextOptions;
use pagepool::pool::{BrowserAction, ContextId, Event, OperationId, TabId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

struct Reports(mpsc::UnboundedSender<Event>);

impl Outcomes for Reports {
    fn report(&self, event: Event) {
        // Nobody listens once the measurement is over.
        drop(self.0.send(event));
    }
}

struct Silence;

impl ConsoleSink for Silence {
    fn said(&self, _tab: TabId, _page_id: &str, _line: ConsoleLine) {}

    fn thrown(&self, _tab: TabId, _exception_id: Option<i64>, _entry: ConsoleErrorEntry) {}

    fn revoked(&self, _tab: TabId, _exception_id: i64, _reason: &str) {}
}

const PAGE: &str = "<!doctype html><title>host</title><div id=standby-ready></div>";

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn host() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    // Runs until the process ends.
    io::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            io::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
                        PAGE.len()
                    );
                    if stream
                        .write_all(format!("{head}{PAGE}").as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}

#[derive(Default)]
struct Times(Vec<(&'static str, Vec<Duration>)>);

impl Times {
    fn add(&mut self, what: &'static str, took: Duration) {
        match self.0.iter_mut().find(|(name, _)| *name == what) {
            Some((_, times)) => times.push(took),
            None => self.0.push((what, vec![took])),
        }
    }

    fn print(mut self) {
        println!("{:<28} {:>8} {:>8} {:>8}", "ms", "min", "p50", "p90");
        for (what, times) in &mut self.0 {
            times.sort_unstable();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
            println!("{what:<28} {:>8.1} {:>8.1} {:>8.1}", at(0), at(50), at(90));
        }
    }
}

async fn measure(rounds: u64) -> Outcome<Times> {
    let mut times = Times::default();
    for _ in 0..5 {
        let manager = BrowserManager::new(BrowserOptions::default());
        let start = Instant::now();
        let browser = manager.browser().await?;
        let context = browser.pages().create_context(&ContextOptions::default()).await?;
        context.new_page().await?;
        times.add("launch + first page", start.elapsed());
        let start = Instant::now();
        manager.stop().await;
        times.add("stop", start.elapsed());
    }
    let manager = Arc::new(BrowserManager::new(BrowserOptions::default()));
    let (sender, mut events) = mpsc::unbounded_channel();
    let options = DriverOptions {
        standby_page: StandbyPage::of_host_app(&host().await?),
        standby_timeout: Duration::from_secs(30),
        close_timeout: Duration::from_secs(5),
        measures_memory: false,
    };
    let errors = Arc::<Mutex<ConsoleErrors>>::default();
    let driver = ChromiumDriver::new(
        Arc::clone(&manager),
        options,
        Arc::new(Reports(sender)),
        errors,
        Arc::new(Silence),
    );
    manager.browser().await?;
    let operation = OperationId(1);
    let mut perform = async |what: &'static str, times: &mut Times, action: BrowserAction| {
        let start = Instant::now();
        driver.perform(action);
        if let Some(event) = events.recv().await {
            match event {
                Event::StandbyReady { .. }
                | Event::ProbeAnswered { .. }
                | Event::PageClosed { .. }
                | Event::ContextClosed { .. } => times.add(what, start.elapsed()),
                other => println!("{what}: {other:?}"),
            }
        }
    };
    for round in 0..rounds {
        let (context, tab) = (ContextId(round), TabId(round));
        perform(
            "context + page + standby",
            &mut times,
            BrowserAction::CreateStandby {
                operation,
                context,
                tab,
            },
        )
        .await;
        perform(
            "probe",
            &mut times,
            BrowserAction::Probe {
                operation,
                tab,
                budget_ms: 3000,
            },
        )
        .await;
        if round % 2 == 0 {
            let close = BrowserAction::ClosePage {
                operation,
                tab,
                context_follows: false,
            };
            perform("close page", &mut times, close).await;
            perform(
                "close empty context",
                &mut times,
                BrowserAction::CloseContext { operation, context },
            )
            .await;
        } else {
            perform(
                "close context with page",
                &mut times,
                BrowserAction::CloseContext { operation, context },
            )
            .await;
        }
        driver.forget(tab);
    }
    manager.stop().await;
    Ok(times)
}

fn main() -> Outcome<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(30), |rounds| rounds.parse())?;
    io::handle().block_on(io::spawn(measure(rounds)))??.print();
    Ok(())
}
