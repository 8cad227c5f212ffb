//! JavaScript values, read and called without losing an exception.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{ValueType, sys};

use super::error::Thrown;
use super::scope::Scope;

/// A JavaScript value in the scope in which it was had.
#[derive(Clone, Copy)]
pub struct Value<'s> {
    scope: Scope<'s>,
    raw: sys::napi_value,
}

/// What `typeof` says, with `null` apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Undefined,
    Null,
    Boolean,
    Number,
    String,
    Symbol,
    Object,
    Function,
    BigInt,
}

impl<'s> Value<'s> {
    pub(super) fn new(scope: Scope<'s>, raw: sys::napi_value) -> Self {
        Self { scope, raw }
    }

    /// A value that `napi` gave, in its scope.
    pub(crate) fn from_raw(scope: Scope<'s>, raw: sys::napi_value) -> Self {
        Self::new(scope, raw)
    }

    pub(crate) fn scope(self) -> Scope<'s> {
        self.scope
    }

    pub(crate) fn raw(self) -> sys::napi_value {
        self.raw
    }

    pub(crate) fn kind(self) -> Kind {
        let mut kind = 0;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: on the thread of its environment, within its scope.
        unsafe {
            sys::napi_typeof(self.scope.raw_env(), self.raw, &raw mut kind)
        };
        match kind {
            sys::ValueType::napi_null => Kind::Null,
            sys::ValueType::napi_boolean => Kind::Boolean,
            sys::ValueType::napi_number => Kind::Number,
            sys::ValueType::napi_string => Kind::String,
            sys::ValueType::napi_symbol => Kind::Symbol,
            sys::ValueType::napi_object | sys::ValueType::napi_external => Kind::Object,
            sys::ValueType::napi_function => Kind::Function,
            sys::ValueType::napi_bigint => Kind::BigInt,
            _ => Kind::Undefined,
        }
    }

    pub(crate) fn is_undefined(self) -> bool {
        self.kind() == Kind::Undefined
    }

    /// `undefined` or `null`.
    pub(crate) fn is_nullish(self) -> bool {
        matches!(self.kind(), Kind::Undefined | Kind::Null)
    }

    pub(crate) fn is_function(self) -> bool {
        self.kind() == Kind::Function
    }

    /// Whether it can have properties of its own.
    pub(crate) fn is_object(self) -> bool {
        matches!(self.kind(), Kind::Object | Kind::Function)
    }

    pub(crate) fn is_array(self) -> bool {
        let mut result = false;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: as above.
        unsafe {
            sys::napi_is_array(self.scope.raw_env(), self.raw, &raw mut result)
        };
        result
    }

    pub(crate) fn is_error(self) -> bool {
        let mut result = false;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: as above.
        unsafe {
            sys::napi_is_error(self.scope.raw_env(), self.raw, &raw mut result)
        };
        result
    }

    pub(crate) fn as_bool(self) -> Option<bool> {
        let mut result = false;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_value_bool(self.scope.raw_env(), self.raw, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    pub(crate) fn as_f64(self) -> Option<f64> {
        let mut result = 0.0;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_value_double(self.scope.raw_env(), self.raw, &raw mut result) };
        (status == sys::Status::napi_ok).then_some(result)
    }

    /// Its text, if it is a string; lone surrogates become U+FFFD.
    pub(crate) fn as_string(self) -> Option<String> {
        self.as_utf16().map(|units| String::from_utf16_lossy(&units))
    }

    /// Its UTF-16 code units, if it is a string.
    pub(crate) fn as_utf16(self) -> Option<Vec<u16>> {
        let env = self.scope.raw_env();
        let mut length = 0;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: the buffer has room for the units and the terminating zero.
        unsafe {
            if sys::napi_get_value_string_utf16(env, self.raw, ptr::null_mut(), 0, &raw mut length)
                != sys::Status::napi_ok
            {
                return None;
            }
            let mut units = vec![0_u16; length + 1];
            sys::napi_get_value_string_utf16(env, self.raw, units.as_mut_ptr(), units.len(), &raw mut length);
            units.truncate(length);
            Some(units)
        }
    }

    /// `String(value)`.
    pub(crate) fn coerce_to_string(self) -> Result<String, Thrown> {
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "calls JavaScript")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_coerce_to_string(self.scope.raw_env(), self.raw, &raw mut raw) };
        self.checked(status, raw)
            .map(|text| text.as_string().unwrap_or_default())
    }

    /// `Number(value)`.
    pub(crate) fn coerce_to_number(self) -> Result<f64, Thrown> {
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "calls JavaScript")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_coerce_to_number(self.scope.raw_env(), self.raw, &raw mut raw) };
        self.checked(status, raw)
            .map(|number| number.as_f64().unwrap_or(f64::NAN))
    }

    /// `Boolean(value)`.
    pub(crate) fn is_truthy(self) -> bool {
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: as above.
        unsafe {
            sys::napi_coerce_to_bool(self.scope.raw_env(), self.raw, &raw mut raw)
        };
        Self::new(self.scope, raw).as_bool().unwrap_or(false)
    }

    /// `this === other`.
    pub(crate) fn strict_equals(self, other: Value<'_>) -> bool {
        let mut result = false;
        #[expect(unsafe_code, reason = "reads JavaScript values")]
        // SAFETY: as above.
        unsafe {
            sys::napi_strict_equals(self.scope.raw_env(), self.raw, other.raw, &raw mut result)
        };
        result
    }

    /// `this instanceof constructor`; false where that throws.
    pub(crate) fn instance_of(self, constructor: Value<'_>) -> bool {
        let mut result = false;
        #[expect(unsafe_code, reason = "reads JavaScript values")]
        // SAFETY: as above.
        let status =
            unsafe { sys::napi_instanceof(self.scope.raw_env(), self.raw, constructor.raw, &raw mut result) };
        if status != sys::Status::napi_ok {
            drop(self.scope.take_exception(status));
            return false;
        }
        result
    }

    /// `this[name]`; undefined on `undefined` and `null`.
    pub(crate) fn get(self, name: &str) -> Result<Value<'s>, Thrown> {
        if self.is_nullish() {
            return Ok(self.scope.undefined());
        }
        let key = self.scope.string(name);
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "reads a JavaScript property")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_property(self.scope.raw_env(), self.raw, key.raw, &raw mut raw) };
        self.checked(status, raw)
    }

    /// `this[index]` of an array.
    pub(crate) fn get_element(self, index: u32) -> Result<Value<'s>, Thrown> {
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "reads a JavaScript property")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_element(self.scope.raw_env(), self.raw, index, &raw mut raw) };
        self.checked(status, raw)
    }

    /// The elements of an array, none of anything else.
    pub(crate) fn elements(self) -> Result<Vec<Value<'s>>, Thrown> {
        let mut length = 0;
        #[expect(unsafe_code, reason = "reads a JavaScript value")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_array_length(self.scope.raw_env(), self.raw, &raw mut length) };
        if status != sys::Status::napi_ok {
            return Ok(Vec::new());
        }
        (0..length).map(|index| self.get_element(index)).collect()
    }

    /// `this[name] = value`, for objects of our own: a failure is not reported.
    pub(crate) fn set(self, name: &str, value: Value<'_>) -> Self {
        self.set_key(self.scope.string(name), value)
    }

    /// The same with any key, such as a symbol.
    pub(crate) fn set_key(self, key: Value<'_>, value: Value<'_>) -> Self {
        #[expect(unsafe_code, reason = "writes a JavaScript property")]
        // SAFETY: as above.
        let status = unsafe { sys::napi_set_property(self.scope.raw_env(), self.raw, key.raw, value.raw) };
        if status != sys::Status::napi_ok {
            drop(self.scope.take_exception(status));
        }
        self
    }

    /// Gives an object of our own a property, whatever its name: `__proto__` is one like any other.
    pub(crate) fn define(self, name: &str, value: Value<'_>) {
        self.define_as(name, value, sys::PropertyAttributes::enumerable);
    }

    /// As `define`, but nobody sees it who lists or copies the object's properties.
    pub(crate) fn define_hidden(self, name: &str, value: Value<'_>) {
        self.define_as(name, value, sys::PropertyAttributes::default);
    }

    fn define_as(self, name: &str, value: Value<'_>, attributes: sys::napi_property_attributes) {
        let property = sys::napi_property_descriptor {
            utf8name: ptr::null(),
            name: self.scope.string(name).raw,
            method: None,
            getter: None,
            setter: None,
            value: value.raw,
            attributes: attributes
                | sys::PropertyAttributes::writable
                | sys::PropertyAttributes::configurable,
            data: ptr::null_mut(),
        };
        #[expect(unsafe_code, reason = "writes a JavaScript property")]
        // SAFETY: as above.
        unsafe {
            sys::napi_define_properties(self.scope.raw_env(), self.raw, 1, &raw const property)
        };
    }

    /// `Object.freeze(this)`, of an object of our own.
    pub(crate) fn frozen(self) -> Self {
        #[expect(unsafe_code, reason = "changes a JavaScript object")]
        // SAFETY: as above.
        unsafe {
            sys::napi_object_freeze(self.scope.raw_env(), self.raw)
        };
        self
    }

    pub(crate) fn set_element(self, index: u32, value: Value<'_>) {
        #[expect(unsafe_code, reason = "writes a JavaScript property")]
        // SAFETY: as above.
        unsafe {
            sys::napi_set_element(self.scope.raw_env(), self.raw, index, value.raw)
        };
    }

    /// Calls this function.
    pub(crate) fn call(self, this: Value<'_>, arguments: &[Value<'_>]) -> Result<Value<'s>, Thrown> {
        if !self.is_function() {
            let what = self.coerce_to_string().unwrap_or_default();
            return Err(Thrown::invalid_argument(
                self.scope,
                &format!("{what} is not a function"),
            ));
        }
        let raw_arguments: Vec<_> = arguments.iter().map(|argument| argument.raw).collect();
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "calls JavaScript")]
        // SAFETY: as above.
        let status = unsafe {
            sys::napi_call_function(
                self.scope.raw_env(),
                this.raw,
                self.raw,
                raw_arguments.len(),
                raw_arguments.as_ptr(),
                &raw mut raw,
            )
        };
        self.checked(status, raw)
    }

    /// `this[name](...arguments)`, looked up now.
    pub(crate) fn call_method(self, name: &str, arguments: &[Value<'_>]) -> Result<Value<'s>, Thrown> {
        let method = self.get(name)?;
        if !method.is_function() {
            return Err(Thrown::invalid_argument(
                self.scope,
                &format!("{name} is not a function"),
            ));
        }
        method.call(self, arguments)
    }

    /// `new this(...arguments)`.
    pub(crate) fn construct(self, arguments: &[Value<'_>]) -> Result<Value<'s>, Thrown> {
        let raw_arguments: Vec<_> = arguments.iter().map(|argument| argument.raw).collect();
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "calls JavaScript")]
        // SAFETY: as above.
        let status = unsafe {
            sys::napi_new_instance(
                self.scope.raw_env(),
                self.raw,
                raw_arguments.len(),
                raw_arguments.as_ptr(),
                &raw mut raw,
            )
        };
        self.checked(status, raw)
    }

    fn checked(self, status: sys::napi_status, raw: sys::napi_value) -> Result<Value<'s>, Thrown> {
        if status == sys::Status::napi_ok {
            Ok(Self::new(self.scope, raw))
        } else {
            Err(self.scope.take_exception(status))
        }
    }
}

impl TypeName for Value<'_> {
    fn type_name() -> &'static str {
        "any"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ValidateNapiValue for Value<'_> {}

impl FromNapiValue for Value<'_> {
    #[expect(unsafe_code, reason = "napi's conversion trait")]
    unsafe fn from_napi_value(env: sys::napi_env, raw: sys::napi_value) -> napi::Result<Self> {
        Ok(Self::new(Scope::new(env), raw))
    }
}

impl ToNapiValue for Value<'_> {
    #[expect(unsafe_code, reason = "napi's conversion trait")]
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.raw)
    }
}
