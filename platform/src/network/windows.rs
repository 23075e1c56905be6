//! The proxy script of Windows' settings, as they stand in the registry. What `AutoDetect` would look for in the network is not
//! looked for: whoever answers first there would decide where everything goes.

#[cfg(test)]
mod tests;

use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

/// The settings of one person, or of the machine.
const SETTINGS: &str = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings";
/// What administrators say about them.
const POLICY: &str = r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings";
/// `ERROR_FILE_NOT_FOUND`, as an `HRESULT`.
const NOT_THERE: u32 = 0x8007_0002;

/// The script's address.
pub(super) fn script() -> Result<Option<String>, String> {
    script_of(LOCAL_MACHINE, CURRENT_USER)
}

/// The machine's settings count for everybody where a policy says so.
fn script_of(machine: &Key, person: &Key) -> Result<Option<String>, String> {
    let of_one_s_own = there(machine.open(POLICY).and_then(|key| key.get_u32("ProxySettingsPerUser")))?;
    let whose = if of_one_s_own == Some(0) { machine } else { person };
    let script = there(whose.open(SETTINGS).and_then(|key| key.get_string("AutoConfigURL")))?;
    Ok(script.map(|address| address.trim().to_owned()).filter(|address| !address.is_empty()))
}

/// Nothing where it is not there.
fn there<T>(read: windows_registry::Result<T>) -> Result<Option<T>, String> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(why) if why.code().0.cast_unsigned() == NOT_THERE => Ok(None),
        Err(why) => Err(format!("Windows' proxy settings cannot be read: {why}")),
    }
}
