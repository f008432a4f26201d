// A stand-in of what a jsui draws with: mgraphics and sketch. It knows the names of what there is and draws nothing; pictures
// are drawn by max_for_live. Facts: docs.cycling74.com/apiref/js/mgraphics.
"use strict";

const CALLS =
  "append_path arc arc_negative attr_setfill close_path copy_path curve_to ellipse fill fill_preserve " +
  "fill_preserve_with_alpha " +
  "fill_with_alpha font_extents get_current_point identity_matrix image_surface_create image_surface_draw in_fill " +
  "line_to move_to new_path ovalarc paint paint_with_alpha parentpaint pattern_create_for_surface pattern_create_linear " +
  "pattern_create_radial pattern_create_rgba pop_group push_group rectangle rectangle_rounded redraw " +
  "rel_curve_to rel_line_to rel_move_to restore " +
  "rotate save scale select_font_face set_antialias set_dash set_font_size set_line_cap set_line_join set_line_width " +
  "set_matrix set_source set_source_rgb set_source_rgba set_source_surface show_text stroke stroke_preserve " +
  "stroke_preserve_with_alpha stroke_with_alpha svg_create svg_render text_path transform translate init";

// The globals of a jsui of a size. A redraw that is asked for is drawn in the queue, as Max does, once for many asks.
function drawing(max, { width, height }) {
  let isAsked = false;
  const paint = () => {
    isAsked = false;
    const call = max.phase !== "closed" && max.handlerNamed("paint");
    if (call) max.turn("paint", () => call.call(max.world));
  };
  const redraw = () => {
    if (!isAsked && max.app) max.app.deferlow(paint);
    isAsked = true;
  };
  const mgraphics = { size: max.inRealm([width, height]), relative_coords: 1, autofill: 1, autosketch: 0 };
  for (const name of CALLS.split(" ")) mgraphics[name] = () => undefined;
  mgraphics.redraw = redraw;
  mgraphics.text_measure = (text) => max.inRealm([String(text).length * 5, 10]);
  mgraphics.getfontlist = () => max.inRealm(["Ableton Sans Medium"]);
  return { mgraphics, refresh: redraw };
}

module.exports = { drawing };
