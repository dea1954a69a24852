//! What DynamoDB's errors mean to the core.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use toolgate_ports::StoreError;

/// Codes that mean "not now" with a status that says "never".
const NOT_NOW: [&str; 7] = [
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Tells "try again" from "it would refuse again". Names the operation, never a value.
pub(super) fn store_error<E: ProvideErrorMetadata>(operation: &str, error: SdkError<E>) -> StoreError {
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or("no code");
            if status >= 500 || NOT_NOW.contains(&code) {
                return StoreError::Unavailable(format!("{operation}: {code} ({status})"));
            }
            StoreError::Refused(format!("{operation}: {code}: {}", answer.err().message().unwrap_or("no reason given")))
        }
        SdkError::ConstructionFailure(_) => StoreError::Refused(format!("{operation}: the request can't be made")),
        SdkError::TimeoutError(_) => StoreError::Unavailable(format!("{operation}: no answer in time")),
        SdkError::DispatchFailure(_) => StoreError::Unavailable(format!("{operation}: DynamoDB can't be reached")),
        _ => StoreError::Unavailable(format!("{operation}: the answer can't be read")),
    }
}

/// For a write that is to be made only if its condition holds: if it doesn't, all is well too.
pub(super) fn if_it_holds<T, E: ProvideErrorMetadata>(
    operation: &str,
    made: Result<T, SdkError<E>>,
) -> Result<(), StoreError> {
    match made {
        Err(error) if error.code() != Some("ConditionalCheckFailedException") => Err(store_error(operation, error)),
        _ => Ok(()),
    }
}
