--- The files that a run leaves, as its options name them: all of them whole, or none.

local check = require("aitronos.cli.complaint").check
local report = require "aitronos.cli.report"

---@class aitronos.CommandFiles
---@field private open table<string, aitronos.Report> by the setting that names them
local Files = {}
Files.__index = Files

local files = {}

local OPENERS = {
  report = report.open, failed = report.open_failed, save_links = report.open_links,
}

--- Whether there is such a file.
---@param name "report"|"failed"|"save_links"
---@return boolean
function Files:has(name)
  return self.open[name] ~= nil
end

--- Adds a row to a file, if there is such a file. Fails where it can't be written.
---@param name "report"|"failed"|"save_links"
---@param row table
function Files:add(name, row)
  if self.open[name] then
    check(self.open[name]:add(row))
  end
end

--- Puts them under their names. Fails where one can't be.
function Files:close()
  for _, file in pairs(self.open) do
    check(file:close())
  end
end

--- Leaves nothing half-written.
function Files:abandon()
  for _, file in pairs(self.open) do
    file:abandon()
  end
end

--- Opens those that are asked for. Fails where one can't be opened.
---@param settings aitronos.CommandSettings
---@return aitronos.CommandFiles
function files.open(settings)
  local self = setmetatable({ open = {} }, Files)
  for name, open in pairs(OPENERS) do
    if settings[name] then
      local file, message = open(settings[name])
      if not file then
        self:abandon()
      end
      self.open[name] = check(file, message)
    end
  end
  return self
end

return files
