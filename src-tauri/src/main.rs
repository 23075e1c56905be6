//! The desktop window: it translates between the page and the core, and decides nothing.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod commands;
mod desktop;
mod leaving;
mod watches;
mod window;

use clap::Parser;
use desktop::Desktop;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use thechatapp_core::platform::SECRET_WAIT;

/// Memory is wiped as it is given back: keys and texts do not lie about in what is free.
#[global_allocator]
static MEMORY: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// TheChatApp
#[derive(Debug, Parser)]
#[command(name = "thechatapp-desktop", version)]
struct Arguments {
    /// The folder of this person's profile
    #[arg(long, value_name = "DIR", env = "THECHATAPP_PROFILE")]
    profile: Option<PathBuf>,
    /// A passphrase profile: the passphrase, in the first line of a file
    #[arg(long, value_name = "FILE", env = "THECHATAPP_PASSPHRASE_FILE")]
    passphrase_file: Option<PathBuf>,
    /// How long to wait for the system's secure storage, its prompt included
    #[arg(long, env = "THECHATAPP_SECRET_TIMEOUT", value_name = "SECONDS", default_value_t = SECRET_WAIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    secret_timeout: u64,
    /// What the window was opened with, for example an invite
    #[arg(hide = true)]
    _link: Option<String>,
}

fn main() -> ExitCode {
    // The web view's own processes are its children, and inherit it.
    thechatapp_platform::guard::no_core_dumps();
    let arguments = Arguments::parse();
    let level = tracing_subscriber::EnvFilter::try_from_env("THECHATAPP_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).init();
    let Some(folder) = arguments.profile.or_else(thechatapp_platform::default_profile) else {
        eprintln!("error: this system names no folder for profiles; give --profile");
        return ExitCode::from(3);
    };
    let platform = thechatapp_platform::platform(Duration::from_secs(arguments.secret_timeout));
    let desktop = match Desktop::new(folder, arguments.passphrase_file, platform) {
        Ok(desktop) => desktop,
        Err(why) => {
            eprintln!("error: {}: {}; {}", why.what, why.why, why.advice);
            return ExitCode::from(why.code);
        }
    };
    let building = tauri::Builder::default()
        .manage(desktop)
        .manage(watches::Watches::default())
        .setup(|app| {
            Desktop::begin(app.handle());
            #[cfg(unix)]
            leaving::when_told(app.handle());
            Ok(window::open(app)?)
        })
        .invoke_handler(tauri::generate_handler![
            commands::profile::profile_state,
            commands::profile::unlock,
            commands::profile::create_profile,
            commands::profile::set_aside,
            commands::profile::repair,
            commands::profile::restore_with_code,
            commands::profile::wipe,
            commands::profile::lock,
            commands::profile::active,
            commands::profile::lock_after,
            commands::profile::set_lock_after,
            commands::device::ways,
            commands::device::make_recovery_code,
            commands::device::set_passphrase,
            commands::device::drop_way,
            commands::device::move_to_secure_storage,
            commands::device::move_to_passphrase,
            commands::device::unsent,
            commands::device::storage,
            commands::device::keep,
            commands::network::network,
            commands::network::set_network,
            commands::network::walk,
            commands::workspace::contact,
            commands::workspace::join,
            commands::workspace::login,
            commands::workspace::workspaces,
            commands::workspace::let_damaged_go,
            commands::workspace::reconnect,
            commands::workspace::sign_out,
            commands::workspace::identity,
            commands::workspace::accept_identity,
            commands::channels::people,
            commands::channels::create_channel,
            commands::channels::join_channel,
            commands::channels::leave_channel,
            commands::channels::set_topic,
            commands::channels::open_direct,
            commands::messages::send,
            commands::messages::edit,
            commands::messages::delete_message,
            commands::messages::react,
            commands::messages::retry,
            commands::messages::discard,
            commands::messages::mark_read,
            commands::messages::draft,
            commands::messages::thread,
            commands::messages::save_draft,
            commands::messages::forget_draft,
            commands::messages::find,
            commands::files::save_file,
            commands::watch::watch,
            commands::watch::watch_next,
            commands::watch::watch_turn,
            commands::watch::watch_end,
            commands::window::next_events,
            commands::window::painted,
            commands::window::left,
            commands::window::stay,
            commands::window::open_link,
        ])
        .build(tauri::generate_context!());
    match building {
        Ok(app) => {
            app.run(leaving::on_event);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: the window could not be opened: {why}");
            ExitCode::from(70)
        }
    }
}
