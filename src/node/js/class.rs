//! JavaScript classes whose objects carry something of Rust's.
//!
//! Unlike `napi`'s own, their methods take any number of arguments, may be named by a well-known symbol, and
//! classes may extend one another. Only Rust makes objects of them: `new` throws in JavaScript.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use napi::sys;

use super::error::Thrown;
use super::function::{self, Call};
use super::reference::JsRef;
use super::scope::Scope;
use super::value::Value;

/// A class, by the marker type that implements this.
pub(crate) trait Class: 'static {
    /// What its objects carry; a class that extends another carries the same.
    type Data: 'static;
    const NAME: &'static str;
    const METHODS: &'static [Method<Self::Data>];
    /// Those of the class that it extends: N-API's methods refuse objects of any class but their own.
    const INHERITED: &'static [Method<Self::Data>] = &[];
    /// More methods, in tables of their own.
    const MORE: &'static [&'static [Method<Self::Data>]] = &[];

    /// Adds what is the class's own, as it is made.
    fn complete(_: Value<'_>) {}

    /// The class that it extends.
    fn parent(_: Scope<'_>) -> Option<Value<'_>> {
        None
    }
}

type Body<T> = for<'s> fn(Scope<'s>, &Rc<T>, &Call<'s>) -> Result<Value<'s>, Thrown>;

/// One method or getter.
pub(crate) struct Method<T: 'static> {
    /// `@@name` stands for `Symbol.name`.
    name: &'static str,
    kind: Kind,
    body: Body<T>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Method,
    /// What it would throw rejects its promise.
    Async,
    Getter,
}

impl<T> Method<T> {
    pub(crate) const fn sync(name: &'static str, body: Body<T>) -> Self {
        let kind = Kind::Method;
        Self { name, kind, body }
    }

    pub(crate) const fn promise(name: &'static str, body: Body<T>) -> Self {
        let kind = Kind::Async;
        Self { name, kind, body }
    }

    pub(crate) const fn getter(name: &'static str, body: Body<T>) -> Self {
        let kind = Kind::Getter;
        Self { name, kind, body }
    }
}

thread_local! {
    static CONSTRUCTORS: RefCell<HashMap<&'static str, JsRef>> = RefCell::new(HashMap::new());
    /// What the object that is just being made will carry.
    static PENDING: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
}

pub(super) fn clear() {
    let constructors = CONSTRUCTORS.with(RefCell::take);
    drop(constructors);
}

static TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x9a1d_5c0e_77b3_4f21,
    upper: 0x5e0b_21f8_c6d9_4a37,
};

/// The class as JavaScript has it.
pub(crate) fn constructor<C: Class>(scope: Scope<'_>) -> Result<Value<'_>, Thrown> {
    if let Some(known) = CONSTRUCTORS.with(|known| known.borrow().get(C::NAME).map(|class| class.get(scope)))
    {
        return Ok(known);
    }
    let more = C::MORE.iter().copied().flatten();
    let mut properties = Vec::with_capacity(C::INHERITED.len() + C::METHODS.len());
    for method in C::INHERITED.iter().chain(C::METHODS).chain(more) {
        let name = match method.name.strip_prefix("@@") {
            Some(symbol) => scope.global().get("Symbol")?.get(symbol)?,
            None => scope.string(method.name),
        };
        if name.is_undefined() {
            continue;
        }
        let is_getter = method.kind == Kind::Getter;
        properties.push(sys::napi_property_descriptor {
            utf8name: ptr::null(),
            name: name.raw(),
            method: (!is_getter).then_some(invoke::<C::Data>),
            getter: is_getter.then_some(invoke::<C::Data>),
            setter: None,
            value: ptr::null_mut(),
            attributes: if is_getter {
                sys::PropertyAttributes::configurable
            } else {
                sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable
            },
            data: ptr::from_ref(method).cast_mut().cast(),
        });
    }
    let mut raw = ptr::null_mut();
    #[expect(unsafe_code, reason = "N-API's classes")]
    // SAFETY: the descriptors live until the call returns, what `data` points to is static.
    let status = unsafe {
        sys::napi_define_class(
            scope.raw_env(),
            C::NAME.as_ptr().cast(),
            C::NAME.len().cast_signed(),
            Some(construct),
            ptr::null_mut(),
            properties.len(),
            properties.as_ptr(),
            &raw mut raw,
        )
    };
    if status != sys::Status::napi_ok {
        return Err(scope.take_exception(status));
    }
    let class = Value::new(scope, raw);
    if let Some(parent) = C::parent(scope) {
        let object = scope.global().get("Object")?;
        object.call_method("setPrototypeOf", &[class, parent])?;
        object.call_method(
            "setPrototypeOf",
            &[class.get("prototype")?, parent.get("prototype")?],
        )?;
    }
    C::complete(class);
    if let Some(kept) = JsRef::new(class) {
        CONSTRUCTORS.with(|known| known.borrow_mut().insert(C::NAME, kept));
    }
    Ok(class)
}

/// A new object of the class.
pub(crate) fn instantiate<C: Class>(scope: Scope<'_>, data: Rc<C::Data>) -> Result<Value<'_>, Thrown> {
    let class = constructor::<C>(scope)?;
    PENDING.with(|pending| *pending.borrow_mut() = Some(data));
    class.construct(&[])
}

/// What an object of a class with this data carries; `None` for anything else.
pub(crate) fn data_of<T: 'static>(object: Value<'_>) -> Option<Rc<T>> {
    if !object.is_object() {
        return None;
    }
    let env = object.scope().raw_env();
    let mut tagged = false;
    let mut data = ptr::null_mut();
    #[expect(unsafe_code, reason = "N-API's wrapped objects")]
    // SAFETY: only an object with our tag is unwrapped, and it carries what `construct` gave it.
    unsafe {
        sys::napi_check_object_type_tag(env, object.raw(), &raw const TAG, &raw mut tagged);
        if !tagged || sys::napi_unwrap(env, object.raw(), &raw mut data) != sys::Status::napi_ok {
            return None;
        }
        Rc::clone(&*data.cast::<Rc<dyn Any>>()).downcast().ok()
    }
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn construct(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let scope = Scope::new(env);
    // SAFETY: called by N-API with its own arguments.
    let (call, _) = unsafe { function::read_call(scope, info) };
    let Some(data) = PENDING.with(RefCell::take) else {
        let thrown = Thrown::invalid_argument(scope, "Illegal constructor");
        return function::finish(scope, Err(thrown));
    };
    let data: *mut Rc<dyn Any> = Box::into_raw(Box::new(data));
    // SAFETY: the object is new; the finalizer frees the data.
    unsafe {
        let status = sys::napi_wrap(
            env,
            call.this.raw(),
            data.cast(),
            Some(free_data),
            ptr::null_mut(),
            ptr::null_mut(),
        );
        if status != sys::Status::napi_ok {
            drop(Box::from_raw(data));
            return function::finish(scope, Err(scope.take_exception(status)));
        }
        sys::napi_type_tag_object(env, call.this.raw(), &raw const TAG);
    }
    call.this.raw()
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn free_data(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `construct`, freed once.
    drop(unsafe { Box::from_raw(data.cast::<Rc<dyn Any>>()) });
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn invoke<T: 'static>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let scope = Scope::new(env);
    // SAFETY: called by N-API with its own arguments; `data` is a method of a class with this data.
    let (call, method) = unsafe {
        let (call, data) = function::read_call(scope, info);
        (call, &*data.cast_const().cast::<Method<T>>())
    };
    let outcome = function::guarded(scope, || match data_of::<T>(call.this) {
        Some(data) => (method.body)(scope, &data, &call),
        None => Err(Thrown::invalid_argument(scope, "Illegal invocation")),
    });
    match outcome {
        Err(thrown) if method.kind == Kind::Async => {
            let reason = thrown.value(scope);
            let rejected = scope
                .global()
                .get("Promise")
                .and_then(|promise| promise.call_method("reject", &[reason]));
            function::finish(scope, rejected)
        }
        outcome => function::finish(scope, outcome),
    }
}
