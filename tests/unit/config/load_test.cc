#include "config/load.h"
#include <doctest/doctest.h>
using namespace millrace::config;
TEST_CASE("x"){ CHECK(load_text("", "x").faults.size()==2); }
