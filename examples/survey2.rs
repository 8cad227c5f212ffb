//! temporary
use pagepool::driver::sim::*;
fn main() {
    let s: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let ops = record_seed(s);
    println!("ops {}", ops.len());
    println!("run {:?}", run_seed(s).map(|_| ()).map_err(|v| (v.rule, v.event)));
    let mut w = World::new(&Settings::draw(s));
    w.record_trace();
    let mut r = Ok(());
    for o in &ops {
        r = w.apply(*o);
        if r.is_err() {
            break;
        }
    }
    if r.is_ok() {
        r = w.finish();
    }
    println!("replay {:?}", r.map_err(|v| (v.rule, v.event)));
    for l in w.trace().iter().rev().take(60).rev() {
        println!("{l}")
    }
}
