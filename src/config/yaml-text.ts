/** Data as YAML text, in the style of policies that people write: small mappings in one line, no anchors. */
import { Document, isMap, isSeq, visit } from 'yaml';

/** What fits into so many characters stands in one line. */
const ONE_LINE = 100;

export function stringify(data: unknown): string {
  const document = new Document(data, { aliasDuplicateObjects: false });
  visit(document, {
    Collection(_, node, path) {
      // The outermost mappings (the policy, services, a service) are blocks whatever their size.
      if (path.length > 6 && (isMap(node) || isSeq(node)) && JSON.stringify(node).length <= ONE_LINE) {
        node.flow = true;
        return visit.SKIP;
      }
      return undefined;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}
