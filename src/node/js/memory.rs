//! JavaScript values over memory of Rust's, handed over without a copy where JavaScript allows.

use std::ffi::c_void;
use std::ptr;

use napi::sys;

use super::scope::Scope;
use super::value::Value;

/// Shorter strings are copied: a string of its own in V8's heap is cheaper than a finalizer.
const EXTERNAL_FROM: usize = 16 * 1024;

impl<'s> Scope<'s> {
    /// A string of Latin-1; a long one keeps the memory that it is given.
    pub(crate) fn string_from_latin1(self, bytes: Vec<u8>) -> Value<'s> {
        if bytes.len() < EXTERNAL_FROM {
            return self.string_latin1(&bytes);
        }
        let (data, length, hint) = leak(bytes);
        let mut raw = ptr::null_mut();
        let mut copied = false;
        #[expect(unsafe_code, reason = "N-API's external strings")]
        // SAFETY: the memory stays until the finalizer frees it; N-API does not call that where it copied or failed.
        unsafe {
            let status = sys::node_api_create_external_string_latin1(
                self.raw_env(),
                data.cast_const().cast(),
                length.cast_signed(),
                Some(free::<u8, _>),
                hint,
                &raw mut raw,
                &raw mut copied,
            );
            if status != sys::Status::napi_ok {
                let string = self.string_latin1(std::slice::from_raw_parts(data, length));
                free::<u8, c_void>(ptr::null_mut(), data.cast(), hint);
                return string;
            }
        }
        Value::new(self, raw)
    }

    /// A string of UTF-16; a long one keeps the memory that it is given.
    pub(crate) fn string_from_utf16(self, units: Vec<u16>) -> Value<'s> {
        if units.len() < EXTERNAL_FROM {
            return self.string_utf16(&units);
        }
        let (data, length, hint) = leak(units);
        let mut raw = ptr::null_mut();
        let mut copied = false;
        #[expect(unsafe_code, reason = "N-API's external strings")]
        // SAFETY: as above.
        unsafe {
            let status = sys::node_api_create_external_string_utf16(
                self.raw_env(),
                data.cast_const(),
                length.cast_signed(),
                Some(free::<u16, _>),
                hint,
                &raw mut raw,
                &raw mut copied,
            );
            if status != sys::Status::napi_ok {
                let string = self.string_utf16(std::slice::from_raw_parts(data, length));
                free::<u16, c_void>(ptr::null_mut(), data.cast(), hint);
                return string;
            }
        }
        Value::new(self, raw)
    }

    /// A `Buffer` over these bytes.
    pub(crate) fn buffer(self, bytes: Vec<u8>) -> Value<'s> {
        let (data, length, hint) = leak(bytes);
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's external buffers")]
        // SAFETY: the memory stays until the finalizer frees it; a runtime without external buffers refuses at once.
        unsafe {
            let status = sys::napi_create_external_buffer(
                self.raw_env(),
                length,
                data.cast(),
                Some(free::<u8, _>),
                hint,
                &raw mut raw,
            );
            if status != sys::Status::napi_ok {
                sys::napi_create_buffer_copy(
                    self.raw_env(),
                    length,
                    data.cast_const().cast(),
                    ptr::null_mut(),
                    &raw mut raw,
                );
                free::<u8, c_void>(ptr::null_mut(), data.cast(), hint);
            }
        }
        Value::new(self, raw)
    }
}

/// The memory, its length, and its capacity as a finalizer's hint.
fn leak<T>(mut items: Vec<T>) -> (*mut T, usize, *mut c_void) {
    // N-API takes no dangling pointer, which an empty vector is.
    items.reserve(1);
    let mut items = std::mem::ManuallyDrop::new(items);
    let hint = ptr::without_provenance_mut(items.capacity());
    (items.as_mut_ptr(), items.len(), hint)
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn free<T, E>(_: *mut E, data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `leak` gave this memory away with its capacity; its items need no drop.
    drop(unsafe { Vec::from_raw_parts(data.cast::<T>(), 0, hint.addr()) });
}
