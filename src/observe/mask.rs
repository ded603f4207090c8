//! Which fields of a flow are asked for. Ours asks for all of them by default: a mask saves
//! little and hides the names.

use tidegate_proto::{mask::STOCK_DEFAULT, schema};

/// The paths to ask for; none means every field. `own` is the value of `--field-mask`, and
/// `default` whether Hubble's default mask was asked for.
///
/// # Errors
/// When a path is no field of a flow, or `own` is used with a format that prints fixed columns.
pub(crate) fn paths(own: Option<&str>, default: bool, format: &str) -> anyhow::Result<Vec<String>> {
    let json = matches!(format, "json" | "jsonpb");
    let Some(own) = own else {
        let paths = if default && !json { STOCK_DEFAULT.as_slice() } else { &[] };
        return Ok(paths.iter().map(|path| (*path).to_owned()).collect());
    };
    anyhow::ensure!(json, "{format} output format is not compatible with custom field mask");
    let paths: Vec<_> = own.split(',').map(|path| path.trim().to_owned()).collect();
    for path in &paths {
        anyhow::ensure!(
            schema::has_path("flow.Flow", path),
            "failed to construct field mask: proto: invalid path {path:?} for message \"flow.Flow\""
        );
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_asked_for_by_default() {
        assert!(paths(None, false, "compact").unwrap().is_empty());
        assert!(paths(None, true, "json").unwrap().is_empty());
        assert_eq!(paths(None, true, "compact").unwrap(), STOCK_DEFAULT);
    }

    #[test]
    fn the_default_mask_names_fields_that_exist() {
        for path in STOCK_DEFAULT {
            assert!(schema::has_path("flow.Flow", path), "{path}");
        }
    }

    #[test]
    fn an_own_mask_is_for_json_and_for_known_fields() {
        assert_eq!(paths(Some("source.identity,verdict"), false, "json").unwrap().len(), 2);
        let refused = |mask, format| paths(Some(mask), false, format).unwrap_err().to_string();
        assert_eq!(refused("time", "compact"), "compact output format is not compatible with custom field mask");
        assert_eq!(
            refused("nope", "json"),
            "failed to construct field mask: proto: invalid path \"nope\" for message \"flow.Flow\""
        );
        assert!(refused("time,source.nope", "json").contains("source.nope"));
    }
}
