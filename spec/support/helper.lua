--- Runs before all specs.

-- After each file of specs busted forgets the modules that it has loaded, and the next file loads
-- them anew. Cqueues then gives the objects that are there already functions that don't know them:
-- their finalizers raise wherever the collector happens to run, which LuaJIT may not survive. What
-- is loaded before stays.
pcall(require, "cqueues")
pcall(require, "cqueues.condition")

require "spec.support.strict"
