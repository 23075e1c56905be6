//! `cargo xtask bench`: ours beside a bare peer doing the same work, in the same run, as medians and ratios.
//!
//! Bounds are the product's own promises; a row past its bound ends the run with an error after the table is printed.

mod access;
mod audit;
mod bare;
mod cache;
mod desktop;
mod files;
mod history;
mod neighbours;
mod ranges;
mod reconnect;
mod refusals;
mod reseal;
mod scale;
mod search;
mod send;
mod signin;
mod table;
mod throughput;

use std::path::PathBuf;
use table::Table;

fn main() {
    let mut logs = None;
    let mut only = None;
    let mut size = scale::Size::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--logs" => logs = args.next().map(PathBuf::from),
            "--only" => only = args.next(),
            "--messages" => size.messages = args.next().unwrap().parse().unwrap(),
            "--channels" => size.channels = args.next().unwrap().parse().unwrap(),
            signin::SPRAY => {
                let (port, pin) = (args.next().unwrap().parse().unwrap(), args.next().unwrap());
                return tokio::runtime::Runtime::new().unwrap().block_on(signin::spray(port, &pin));
            }
            other => {
                eprintln!(
                    "unknown argument {other}; usage: bench [--logs DIR] [--only NAME] [--messages N] [--channels N]"
                );
                std::process::exit(2);
            }
        }
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut table = Table::default();
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("send") {
        runtime.block_on(send::run(&mut table));
    }
    if wanted("throughput") {
        runtime.block_on(throughput::run(&mut table));
    }
    if wanted("reconnect") {
        runtime.block_on(reconnect::run(&mut table));
    }
    if wanted("history") {
        runtime.block_on(history::run(&mut table, logs.as_deref()));
    }
    if wanted("cache") {
        runtime.block_on(cache::run(&mut table, logs.as_deref()));
    }
    if wanted("search") {
        runtime.block_on(search::run(&mut table, logs.as_deref()));
    }
    if wanted("reseal") {
        runtime.block_on(reseal::run(&mut table));
    }
    if wanted("audit") {
        runtime.block_on(audit::run(&mut table));
    }
    if wanted("neighbours") {
        runtime.block_on(neighbours::run(&mut table));
    }
    if wanted("refusals") {
        runtime.block_on(refusals::run(&mut table));
    }
    if wanted("signin") {
        runtime.block_on(signin::run(&mut table));
    }
    if wanted("files") {
        runtime.block_on(files::run(&mut table));
    }
    if wanted("access") {
        runtime.block_on(access::run(&mut table));
    }
    if wanted("desktop") {
        desktop::run(&mut table);
    }
    if only.as_deref() == Some("scale") {
        runtime.block_on(scale::run(&mut table, logs.as_deref(), size));
    }
    println!("\n{table}");
    if table.missed() {
        eprintln!("a promise is not kept: see the rows marked ✗");
        std::process::exit(1);
    }
}
