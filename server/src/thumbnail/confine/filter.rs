//! The system calls that are left (seccomp, `man 2 seccomp`). Whatever else is called fails, as if it were not allowed to anybody.

use libc::{
    PROT_EXEC, SYS_brk, SYS_clock_gettime, SYS_close, SYS_exit, SYS_exit_group, SYS_fstat, SYS_futex, SYS_getpid,
    SYS_getrandom, SYS_gettid, SYS_lseek, SYS_madvise, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_read,
    SYS_restart_syscall, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield, SYS_sigaltstack,
    SYS_tgkill, SYS_write,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// Input and output, memory, and the process's own end.
const LEFT: [i64; 23] = [
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_fstat,
    SYS_lseek,
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_sched_yield,
    SYS_clock_gettime,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
];
/// Memory, with what it is for as the third argument: not as code.
const MEMORY: [i64; 2] = [SYS_mmap, SYS_mprotect];

pub(in crate::thumbnail) fn apply() -> Result<(), ()> {
    let no_code = || {
        let prot = u64::try_from(PROT_EXEC).map_err(drop)?;
        let condition = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(prot), 0);
        SeccompRule::new(vec![condition.map_err(drop)?]).map_err(drop)
    };
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        LEFT.into_iter().map(|call| (call, Vec::new())).collect();
    for call in MEMORY {
        rules.insert(call, vec![no_code()?]);
    }
    let denied = SeccompAction::Errno(u32::try_from(libc::EPERM).map_err(drop)?);
    let arch = std::env::consts::ARCH.try_into().map_err(drop)?;
    let filter = SeccompFilter::new(rules, denied, SeccompAction::Allow, arch).map_err(drop)?;
    let program: BpfProgram = filter.try_into().map_err(drop)?;
    apply_filter(&program).map_err(drop)
}
