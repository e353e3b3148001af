//! The control interface for tests: faults, settings, the time, and what the services were told.

use channels::Response;
use channels::fakes::Call;
use plain_text::error_chain;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::Change;
use crate::fault::{Fault, Kind};
use crate::people::ByHand;
use crate::render;
use crate::servers::Gates;
use crate::service::Name;
use crate::world::{Inner, World};

/// What the control interface answers.
type Reply = Result<Value, (u16, String)>;

fn bad(error: impl std::fmt::Display) -> (u16, String) {
    (400, error.to_string())
}

/// Answers a call of the control interface.
pub(crate) async fn answer(world: &World, gates: &Gates, call: &Call) -> Response {
    if (call.method.as_str(), call.path.as_str()) == ("GET", "/rendered") {
        let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        let body = render::all(&mut world.lock().services).into_bytes();
        return Response { status: 200, headers, body };
    }
    let (status, body) = match route(world, gates, call).await {
        Ok(value) => (200, value),
        Err((status, error)) => (status, json!({"error": error})),
    };
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status, headers, body: body.to_string().into_bytes() }
}

async fn route(world: &World, gates: &Gates, call: &Call) -> Reply {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/state") => Ok(world.lock().services.each(|service| service.state())),
        ("DELETE", "/state") => {
            let mut inner = world.lock();
            for name in Name::ALL {
                inner.services.get(name).clear();
            }
            inner.calls.clear();
            Ok(Value::Null)
        }
        ("POST", "/reset") => {
            world.lock().reset(gates.clock());
            open_all(gates, None).await
        }
        ("GET", "/violations") => Ok(violations(&mut world.lock())),
        ("GET", "/calls") => Ok(json!(world.lock().calls)),
        ("GET", "/faults") => Ok(json!(world.lock().faults.list())),
        ("PUT", "/faults") => set_fault(world, gates, body(call)?).await,
        ("DELETE", "/faults") => clear_faults(world, gates, call).await,
        ("GET", "/settings") => Ok(world.lock().services.each(|service| service.settings())),
        ("PUT", "/settings") => change_settings(&mut world.lock(), &body(call)?),
        ("PUT", "/tickets") => {
            let by_hand: ByHand = body(call)?;
            by_hand.carry_out(&mut world.lock()).map_err(bad)?;
            Ok(Value::Null)
        }
        ("GET", "/clock") => Ok(json!({"now": world.lock().clock.now()})),
        ("PUT", "/clock") => {
            let change: Change = body(call)?;
            let mut inner = world.lock();
            inner.clock.change(change);
            Ok(json!({"now": inner.clock.now()}))
        }
        (method, path) => Err((404, format!("there is no {method} {path}"))),
    }
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, (u16, String)> {
    serde_json::from_slice(&call.body).map_err(|error| bad(error_chain(&error)))
}

/// All violations in one list, each with its service.
fn violations(inner: &mut Inner) -> Value {
    let mut all = Vec::new();
    for name in Name::ALL {
        let Value::Array(found) = inner.services.get(name).violations() else { continue };
        all.extend(found.into_iter().map(|mut violation| {
            if let Some(violation) = violation.as_object_mut() {
                violation.insert("service".to_owned(), name.as_str().into());
            }
            violation
        }));
    }
    Value::Array(all)
}

async fn set_fault(world: &World, gates: &Gates, fault: Fault) -> Reply {
    let is_down = fault.fault == Kind::Down;
    let (service, operation) = (fault.service, fault.operation.clone());
    {
        let mut inner = world.lock();
        fault.check(inner.services.get(service)).map_err(bad)?;
        inner.faults.set(fault);
    }
    // A fault of the whole service replaces that it is down.
    if operation.is_none() {
        gates.set_open(service, !is_down).await.map_err(|error| (500, error.to_string()))?;
    }
    Ok(json!(world.lock().faults.list()))
}

async fn clear_faults(world: &World, gates: &Gates, call: &Call) -> Reply {
    let service = match call.parameter("service") {
        Some(text) => Some(serde_json::from_value::<Name>(Value::String(text)).map_err(bad)?),
        None => None,
    };
    world.lock().faults.clear(service);
    open_all(gates, service).await
}

/// Opens the listener of a service, or all.
async fn open_all(gates: &Gates, service: Option<Name>) -> Reply {
    for name in Name::ALL.into_iter().filter(|name| service.is_none_or(|service| service == *name)) {
        gates.set_open(name, true).await.map_err(|error| (500, error.to_string()))?;
    }
    Ok(Value::Null)
}

fn change_settings(inner: &mut Inner, changes: &serde_json::Map<String, Value>) -> Reply {
    for (name, changes) in changes {
        let name: Name = serde_json::from_value(Value::String(name.clone())).map_err(bad)?;
        let outcome = inner.services.get(name).change(changes);
        outcome.map_err(|error| bad(format_args!("{}: {}", name.as_str(), error_chain(&error))))?;
    }
    Ok(inner.services.each(|service| service.settings()))
}
