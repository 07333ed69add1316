-- GET roles: what an invitation can name, in one of two shapes.

local problem = require "problem"
local shapes = require "shapes"
local world = require "world"

return function(call)
  local include_global = call.arguments.include_global or "true"
  if include_global ~= "true" and include_global ~= "false" then
    return nil, problem.field("include_global", "Must be true or false.")
  end

  return function()
    local roles = {}
    local crew = world.organization(call.organization_id).crew
    for _, role in ipairs(world.ROLES) do
      if role.custom or include_global == "true" then
        roles[#roles + 1] = crew and { id = role.id, name = role.name }
          or shapes.role(role, call.organization_id)
      end
    end
    return 200, crew and { roles = roles } or roles
  end
end
