//! The engine that runs a script, made anew for each run.

use super::{LATE, Question, TIME};
use rquickjs::{CatchResultExt, Context, Ctx, Function, Runtime, Value};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

const FUNCTIONS: &str = include_str!("functions.js");
/// What a script may use.
const MEMORY: usize = 32 << 20;
const STACK: usize = 256 << 10;
/// The longest answer.
const ANSWER_MAX: usize = 4096;
/// How long one name may take.
const NAME: Duration = Duration::from_secs(1);

/// Runs a script. Blocks.
pub(super) fn run(question: &Question, names: &Handle) -> Result<String, String> {
    let deadline = Instant::now() + TIME;
    let runtime = Runtime::new().map_err(|why| why.to_string())?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(STACK);
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() >= deadline)));
    let context = Context::full(&runtime).map_err(|why| why.to_string())?;
    let answer = context.with(|ctx| {
        equip(&ctx, question, names, deadline).map_err(|why| why.to_string())?;
        ctx.eval::<(), _>(FUNCTIONS).catch(&ctx).map_err(|why| why.to_string())?;
        ctx.eval::<(), _>(question.script.as_str()).catch(&ctx).map_err(|why| why.to_string())?;
        let find = ctx.globals().get::<_, Function<'_>>("FindProxyForURL");
        let find = find.map_err(|_| "it has no FindProxyForURL".to_owned())?;
        let answer = find.call::<_, Value<'_>>((question.url.as_str(), question.host.as_str()));
        let answer = answer.catch(&ctx).map_err(|why| why.to_string())?;
        let answer = answer.as_string().ok_or("it answers no text")?;
        answer.to_string().map_err(|why| why.to_string())
    });
    match answer {
        _ if Instant::now() >= deadline => Err(LATE.into()),
        Ok(answer) if answer.len() > ANSWER_MAX => Err("its answer is too long".into()),
        Ok(answer) => Ok(answer),
        Err(why) => Err(why.lines().next().unwrap_or_default().to_owned()),
    }
}

/// What a script can ask of the world: names, this device's address, the time.
fn equip(ctx: &Ctx<'_>, question: &Question, names: &Handle, deadline: Instant) -> rquickjs::Result<()> {
    let globals = ctx.globals();
    let names = names.clone();
    let resolve = move |host: String| -> String { look_up(&names, &host, deadline).unwrap_or_default() };
    globals.set("__resolve", Function::new(ctx.clone(), resolve)?)?;
    let address = question.address.map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string());
    globals.set("__address", Function::new(ctx.clone(), move || -> String { address.clone() })?)?;
    let millis = question.millis as f64;
    globals.set("__now", Function::new(ctx.clone(), move || -> f64 { millis })?)?;
    Ok(())
}

/// The first IPv4 address of a name, as the description has it.
fn look_up(names: &Handle, host: &str, deadline: Instant) -> Option<String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let wait = NAME.min(deadline.checked_duration_since(Instant::now())?);
    let (told, hear) = std::sync::mpsc::channel();
    let host = host.to_owned();
    names.spawn(async move {
        let found = tokio::net::lookup_host((host, 0)).await;
        let _ = told.send(found.map(Vec::from_iter));
    });
    let addresses = hear.recv_timeout(wait).ok()?.ok()?;
    addresses.into_iter().find(SocketAddr::is_ipv4).map(|address| address.ip().to_string())
}
