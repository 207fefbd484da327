//! Stands before the C library in a process of a test (`LD_PRELOAD`): the wall clock of that process is off by as many seconds
//! as stand in the file that `WALL_CLOCK` names, from one moment to the next. Clocks that only run forward are left alone, as they
//! are when somebody sets a machine's clock. Built by `wall_clock.rs`, for the test alone.
#![no_std]

use core::{
    ffi::{c_char, c_int, c_long, c_void},
    ptr::null_mut,
    sync::atomic::{AtomicI64, AtomicPtr, Ordering},
};

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanos: i64,
}

#[repr(C)]
pub struct Timeval {
    seconds: i64,
    micros: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn close(file: c_int) -> c_int;
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, from: i64) -> *mut c_void;
}

#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;

const REALTIME: c_int = 0;
const REALTIME_COARSE: c_int = 5;

/// Nothing is off until the file was found.
static NOTHING: AtomicI64 = AtomicI64::new(0);
static OFFSET: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());

/// By how many seconds the wall clock is off.
fn offset() -> i64 {
    let mut at = OFFSET.load(Ordering::Acquire);
    if at.is_null() {
        at = find();
        OFFSET.store(at, Ordering::Release);
    }
    unsafe { (*at).load(Ordering::SeqCst) }
}

fn find() -> *mut AtomicI64 {
    unsafe {
        let path = getenv(c"WALL_CLOCK".as_ptr());
        let file = if path.is_null() { -1 } else { open(path, 0) };
        if file < 0 {
            return (&raw const NOTHING).cast_mut();
        }
        // To be read, and shared with whoever writes it.
        let at = mmap(null_mut(), 8, 1, 1, file, 0);
        close(file);
        if at as isize == -1 { (&raw const NOTHING).cast_mut() } else { at.cast() }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    unsafe {
        let done = syscall(CLOCK_GETTIME, clock, time);
        if done == 0 && (clock == REALTIME || clock == REALTIME_COARSE) {
            (*time).seconds += offset();
        }
        done as c_int
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, _: *mut c_void) -> c_int {
    let mut now = Timespec { seconds: 0, nanos: 0 };
    unsafe {
        let done = clock_gettime(REALTIME, &raw mut now);
        if !time.is_null() {
            (*time).seconds = now.seconds;
            (*time).micros = now.nanos / 1000;
        }
        done
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(time: *mut i64) -> i64 {
    let mut now = Timespec { seconds: 0, nanos: 0 };
    unsafe {
        clock_gettime(REALTIME, &raw mut now);
        if !time.is_null() {
            *time = now.seconds;
        }
    }
    now.seconds
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
