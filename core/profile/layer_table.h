// LayerTable: a model's operators as data, with sizes as expressions (expression.h). The document
// is "caracal.layer-table/1"; docs/layer-tables.md lists its fields and every name that expressions
// may use. Shipped: resources/models/layers/transformer.json.
//
// A table is parsed once and says nothing about one model; model_structure.h puts a model's sizes
// in.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/profile/expression.h"
#include "core/profile/profile.h"

namespace caracal::profile {

enum class Pattern : uint8_t { kAllReduce, kAllGather, kReduceScatter, kAllToAll };

// Where a list names operators, "tp_attn|proj" means the first of them that the layer has.
struct TableTransfer {
  Pattern pattern = Pattern::kAllReduce;
  Expression bytes;  // of the whole tensor; all-to-all: of what one rank sends, its own share too
  Expression ranks;
};

struct TableSaved {
  Expression bytes;                  // 0: nothing is saved, and nobody reads it
  std::vector<std::string> readers;  // operators whose backward reads these bytes
};

struct TableOperator {
  std::string id;
  Expression condition;  // 0: the layer has no such operator
  OperatorKind kind = OperatorKind::kElementwise;
  std::vector<std::string> inputs;
  Expression outputBytes;
  std::vector<TableSaved> saved;
  bool readsInput = false;  // its backward reads the layer's input
  Expression flops;         // forward
  Expression backwardFlops;
  Expression parameters;               // on one rank, weights and biases
  Expression expertParameters;         // likewise, of experts that are spread over ranks
  Expression weights;                  // elements read by one pass
  std::vector<TableTransfer> forward;  // a collective's own; of others: exposed, part of their time
  std::vector<TableTransfer> backward;  // exposed, part of their time
};

struct TableWindow {
  std::string id;
  Expression condition;
  std::string after;
  std::vector<TableTransfer> transfers;  // backward windows; a forward window has its collective's
  std::vector<std::string> beside;       // operators half of whose backward may run beside it
};

struct TablePart {
  std::vector<TableOperator> operators;
  std::vector<TableWindow> windows;
};

struct TableKind {
  std::string id;
  Expression condition;  // may use `layer`, counted from 0; the first kind that holds is taken
  std::vector<std::string> parts;
};

struct LayerTable {
  std::string name;
  std::vector<std::pair<std::string, Expression>> sizes;  // in order; each may use earlier ones
  Expression inputBytes;  // of a layer: what one layer passes to the next
  std::map<std::string, TablePart> parts;
  std::vector<TableKind> kinds;
  TablePart first, last;
};

inline constexpr std::string_view kLayerTableSchema = "caracal.layer-table/1";
inline constexpr std::string_view kStandardTable = "transformer";

Result<LayerTable> layerTableFromJson(std::string_view text);
// The path itself, or a name in resources/models/layers.
Result<LayerTable> loadLayerTable(const std::string& nameOrPath);

}  // namespace caracal::profile
