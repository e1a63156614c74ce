// Rows of text and the faults that it must give. What a snippet doesn't have and every file needs
// is put behind it, so that lines and columns are those of the snippet.
#pragma once

#include <string>
#include <string_view>

#include "config/load.h"

namespace millrace::config {

struct FaultyRow {
  std::string_view text;
  // A line for each: `LINE:COLUMN: message`, then ` | hint` where there is one. A line that begins
  // with spaces goes on with the one before.
  std::string_view faults;
};

[[nodiscard]] std::string completed(std::string_view snippet);
// The test fails, with the faults, where there are any.
[[nodiscard]] Config loaded(std::string_view snippet);
// The faults of a row that differ from the expected, in one text; empty where all is as expected.
[[nodiscard]] std::string difference(const FaultyRow& row);

}  // namespace millrace::config
